// TF.js in a worker, in one of its backends.

const BACKENDS = {
  wasm: { script: "tf-backend-wasm.es2017.min.js", backend: "wasm", threads: false },
  "wasm-threads": { script: "tf-backend-wasm.es2017.min.js", backend: "wasm", threads: true },
  webgl: { script: "tf-backend-webgl.es2017.min.js", backend: "webgl" },
  webgpu: { script: "tf-backend-webgpu.es2017.min.js", backend: "webgpu" },
};

/** `network` is what `tf.io.fromMemory` takes. Gives a function from RGB samples to the outputs by name. */
self.startEngine = async ({ engine, network, size }) => {
  const { script, backend, threads } = BACKENDS[engine];
  importScripts("vendor/tf-core.es2017.min.js", "vendor/tf-converter.es2017.min.js", `vendor/${script}`);
  tf.enableProdMode();
  if (backend === "wasm") {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads);
    tf.wasm.setWasmPaths(new URL("vendor/", location.href).href);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TF.js has no ${backend} here`);
  const model = await tf.loadGraphModel(tf.io.fromMemory(network));
  return async (pixels) => {
    const image = tf.tensor4d(new Float32Array(pixels), [1, size, size, 3]);
    const outputs = model.predict(image);
    const answer = {};
    for (const [name, tensor] of Object.entries(outputs)) answer[name] = await tensor.data();
    tf.dispose([image, outputs]);
    return answer;
  };
};
