// LiteRT.js in a worker: its WebAssembly module alone. The library around that is an ES module that names another package, so
// no worker can load it as it was published, and it asks for a graphics card.

const MODULE = "litert_wasm_compat_internal.js";

/** `network` is a TFLite file of one photo a call. Gives a function from RGB samples to the outputs by name. */
self.startEngine = async ({ network }) => {
  importScripts(`vendor/${MODULE}`);
  const silent = () => {};
  const locateFile = (file) => new URL(`vendor/${file}`, location.href).href;
  const litert = await self.ModuleFactory({ locateFile, print: silent, printErr: silent });
  const environment = litert.LiteRtEnvironment.create(null);
  const address = litert._malloc(network.byteLength);
  litert.HEAPU8.set(new Uint8Array(network), address);
  const model = litert.loadModel(environment, address, network.byteLength);
  const compiled = await litert.compileModel(environment, model, {
    environment: { liteRtEnvironment: environment },
    accelerator: "wasm",
    cpuOptions: { numThreads: 1 },
    gpuOptions: {},
    webNNOptions: {},
  });
  const outputNames = model.getSignature(0).outputNames();
  const type = model.getInputTensorType(0, 0);
  const { LiteRtTensorBuffer: TensorBuffer, LiteRtTensorBufferType: memories, LiteRtTensorBufferLockMode: modes } = litert;
  const image = TensorBuffer.createManaged(environment, memories.HOST_MEMORY, type, type.bytes());
  // The memory may have moved since the last time.
  const floats = (buffer, mode) => new Float32Array(litert.HEAPU8.buffer, buffer.lock(mode), buffer.packedSize() / 4);
  return async (pixels) => {
    floats(image, modes.WRITE).set(pixels);
    image.unlock();
    const answer = {};
    for (const [index, buffer] of (await compiled.run(0, [image])).entries()) {
      answer[outputNames.get(index)] = floats(buffer, modes.READ).slice();
      buffer.unlock();
      buffer.delete();
    }
    return answer;
  };
};
