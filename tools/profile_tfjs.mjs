// Share of the time that a TF.js graph model spends in convolutions on the WASM backend: node profile_tfjs.mjs FOLDER SIDE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(join(import.meta.dirname, "../tests/javascript/package.json"));
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

const [folder, side] = process.argv.slice(2);
wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out/"));
await tf.setBackend("wasm");

const artifacts = JSON.parse(readFileSync(join(folder, "model.json")));
const [group] = artifacts.weightsManifest;
const content = Buffer.concat(group.paths.map((path) => readFileSync(join(folder, path))));
const weightData = content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
const model = await tf.loadGraphModel(tf.io.fromMemory({ ...artifacts, weightSpecs: group.weights, weightData }));

const photo = tf.randomUniform([1, +side, +side, 3], 0, 255);
const run = () => tf.tidy(() => model.predict(photo).probabilities.clone());
for (let warmUp = 0; warmUp < 50; warmUp++) run().dispose();
let convolutions = 0;
let total = 0;
for (let time = 0; time < 30; time++) {
  const { kernels } = await tf.profile(run);
  for (const { name, kernelTimeMs } of kernels) {
    // "fusedConv2d__op" is the whole of which "FusedConv2D" is the kernel.
    if (name.endsWith("__op")) continue;
    const milliseconds = await kernelTimeMs;
    total += milliseconds;
    if (name.includes("Conv2D")) convolutions += milliseconds;
  }
}
console.log(convolutions / total);
