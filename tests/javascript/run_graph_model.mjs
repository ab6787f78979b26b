// Runs a TF.js graph model on photos: node run_graph_model.mjs FOLDER PIXELS SIDE BACKEND; prints the outputs as JSON.
// PIXELS holds photos as bytes, one after another, SIDE x SIDE x 3 each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

const [folder, pixels, side, backend] = process.argv.slice(2);
wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out/"));
if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);

const artifacts = JSON.parse(readFileSync(join(folder, "model.json")));
const [group] = artifacts.weightsManifest;
const content = Buffer.concat(group.paths.map((path) => readFileSync(join(folder, path))));
const weightData = content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
const model = await tf.loadGraphModel(tf.io.fromMemory({ ...artifacts, weightSpecs: group.weights, weightData }));

const bytes = readFileSync(pixels);
const photos = tf.tensor4d(new Float32Array(bytes), [bytes.length / (side * side * 3), +side, +side, 3]);
const outputs = model.predict(photos);
const answers = {};
for (const [name, tensor] of Object.entries(outputs)) answers[name] = { shape: tensor.shape, values: [...tensor.dataSync()] };
console.log(JSON.stringify(answers));
