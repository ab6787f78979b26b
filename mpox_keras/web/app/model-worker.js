// Runs the network in one of TF.js's backends, away from the page's own thread. A classic worker, because TF.js's files
// are scripts that share one global.

const BACKENDS = {
  wasm: { script: "tf-backend-wasm.es2017.min.js", backend: "wasm", threads: false },
  "wasm-threads": { script: "tf-backend-wasm.es2017.min.js", backend: "wasm", threads: true },
  webgl: { script: "tf-backend-webgl.es2017.min.js", backend: "webgl" },
  webgpu: { script: "tf-backend-webgpu.es2017.min.js", backend: "webgpu" },
};
const WARM_UP_RUNS = 8;
const MEASURED_RUNS = 7;

let model;
let side;

const calls = {
  async start({ engine, artifacts, size }) {
    const { script, backend, threads } = BACKENDS[engine];
    importScripts("vendor/tf-core.es2017.min.js", "vendor/tf-converter.es2017.min.js", `vendor/${script}`);
    tf.enableProdMode();
    if (backend === "wasm") {
      tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads);
      tf.wasm.setWasmPaths(new URL("vendor/", location.href).href);
    }
    if (!(await tf.setBackend(backend))) throw new Error(`TF.js has no ${backend} here`);
    model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
    side = size;
    // A picture that no two channels or rows of which are alike, to compare engines by.
    const probe = Uint8Array.from({ length: side * side * 3 }, (_, index) => (index * 37 + (index >> 6) * 11) % 256);
    for (let run = 0; run < WARM_UP_RUNS; run++) await predict(probe);
    const times = [];
    let answer;
    for (let run = 0; run < MEASURED_RUNS; run++) {
      answer = await predict(probe);
      times.push(answer.milliseconds);
    }
    return { milliseconds: times.sort((a, b) => a - b)[MEASURED_RUNS >> 1], probabilities: answer.probabilities };
  },

  predict: ({ pixels }) => predict(pixels),
};

async function predict(pixels) {
  const started = performance.now();
  const image = tf.tensor4d(new Float32Array(pixels), [1, side, side, 3]);
  const outputs = model.predict(image);
  const answer = {};
  for (const [name, tensor] of Object.entries(outputs)) answer[name] = await tensor.data();
  tf.dispose([image, outputs]);
  return { ...answer, milliseconds: performance.now() - started };
}

addEventListener("message", async ({ data: { id, name, argument } }) => {
  try {
    postMessage({ id, value: await calls[name](argument) });
  } catch (error) {
    postMessage({ id, failure: { key: "worker_failed", values: { reason: error.message ?? String(error) } } });
  }
});
