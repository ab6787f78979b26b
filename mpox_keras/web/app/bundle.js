import { Failure } from "./failure.js";

const FOLDER = "bundle/";
const REQUIRED = ["classes", "image_size", "thresholds", "format", "sha256"];

/**
 * Load the bundle that lies beside the page, and check every file by its hash.
 *
 * @returns {Promise<{metadata: object, artifacts: object, card: string}>} `artifacts` are what `tf.io.fromMemory` takes;
 *   `card` is the model card, in Markdown.
 * @throws {Failure} a file is missing or damaged, or the bundle is not for browsers.
 */
export async function loadBundle() {
  const metadata = parse("metadata.json", await read("metadata.json"));
  const missing = REQUIRED.filter((key) => !(key in metadata));
  if (missing.length || metadata.format !== "tfjs") throw new Failure("bundle_damaged", { file: "metadata.json" });
  const files = Object.keys(metadata.sha256);
  const contents = Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await verified(file, metadata.sha256[file])])),
  );
  const { modelTopology, signature, userDefinedMetadata, weightsManifest } = parse("tfjs/model.json", contents["tfjs/model.json"]);
  const artifacts = {
    modelTopology,
    signature,
    userDefinedMetadata,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: joined(weightsManifest.flatMap((group) => group.paths).map((path) => contents[`tfjs/${path}`])),
  };
  return { metadata, artifacts, card: new TextDecoder().decode(contents["MODEL_CARD.md"]) };
}

async function read(file) {
  const response = await fetch(FOLDER + file).catch(() => null);
  if (!response?.ok) throw new Failure("bundle_missing", { file });
  return response.arrayBuffer();
}

async function verified(file, expected) {
  const content = await read(file);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new Failure("bundle_damaged", { file });
  return content;
}

function parse(file, content) {
  try {
    return JSON.parse(new TextDecoder().decode(content));
  } catch {
    throw new Failure("bundle_damaged", { file });
  }
}

function joined(buffers) {
  const whole = new Uint8Array(buffers.reduce((length, buffer) => length + buffer.byteLength, 0));
  let offset = 0;
  for (const buffer of buffers) {
    whole.set(new Uint8Array(buffer), offset);
    offset += buffer.byteLength;
  }
  return whole.buffer;
}
