import { Failure } from "./failure.js";

const FOLDER = "bundle/";
const CHECKSUMS = "SHA256SUMS";
const METADATA = "metadata.json";
const MODEL = "tfjs/model.json";
// For LiteRT. It is not needed for a first answer.
const TFLITE = "model.tflite";
const FORMAT_VERSION = 2;
const REQUIRED = ["classes", "image_size", "thresholds", "format"];
const THRESHOLDS = ["confidence", "ood_score"];

/**
 * Load the bundle that lies beside the page. Every file, the metadata with its thresholds too, is checked against
 * SHA256SUMS, which has one line per file in the format of the command sha256sum.
 *
 * @returns {Promise<{metadata: object, artifacts: object, readTflite: ?function(): Promise<ArrayBuffer>, card: string,
 *   sha256: string}>} `artifacts` are what `tf.io.fromMemory` takes; `readTflite` loads the same network as a TFLite file, null
 *   where there is none; `card` is the model card, in Markdown; `sha256` is that of SHA256SUMS, so it stands for the whole
 *   bundle.
 * @throws {Failure} a file is missing or damaged, or the bundle is not one that this page can use.
 */
export async function loadBundle() {
  const list = await read(CHECKSUMS);
  const checksums = new Map(parseChecksums(list));
  const tfliteSha256 = checksums.get(TFLITE);
  checksums.delete(TFLITE);
  const files = [...checksums].map(async ([file, sha256]) => [file, await readVerified(file, sha256)]);
  const contents = new Map(await Promise.all(files));
  const content = (file) => {
    if (!contents.has(file)) throw new Failure("bundle_damaged", { file: CHECKSUMS });
    return contents.get(file);
  };
  const metadata = parseJson(METADATA, content(METADATA));
  checkMetadata(metadata);
  const model = parseJson(MODEL, content(MODEL));
  const { modelTopology, signature, userDefinedMetadata, weightsManifest } = model;
  if (metadata.thresholds && !("ood_score" in signature.outputs)) throw new Failure("bundle_without_ood_score");
  const artifacts = {
    modelTopology,
    signature,
    userDefinedMetadata,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: joined(weightsManifest.flatMap((group) => group.paths).map((path) => content(`tfjs/${path}`))),
  };
  const readTflite = tfliteSha256 ? () => readVerified(TFLITE, tfliteSha256) : null;
  const card = new TextDecoder().decode(content("MODEL_CARD.md"));
  return { metadata, artifacts, readTflite, card, sha256: await hashOf(list) };
}

function parseChecksums(content) {
  const lines = new TextDecoder().decode(content).trimEnd().split("\n");
  return lines.map((line) => {
    const found = /^([0-9a-f]{64}) {2}(.+)$/.exec(line);
    if (!found) throw new Failure("bundle_damaged", { file: CHECKSUMS });
    return [found[2], found[1]];
  });
}

// A comparison with a number that is missing is false: without these checks the page would never say "not sure".
function checkMetadata(metadata) {
  const { format_version: version = 1, classes, thresholds, operating_points: points = {} } = metadata;
  if (version !== FORMAT_VERSION) throw new Failure("bundle_version", { found: version, expected: FORMAT_VERSION });
  const isUsable =
    REQUIRED.every((key) => key in metadata) &&
    metadata.format === "tfjs" &&
    (thresholds === null || areUsable(thresholds, classes)) &&
    Object.values(points).every((point) => Number.isFinite(point?.threshold));
  if (!isUsable) throw new Failure("bundle_damaged", { file: METADATA });
}

function areUsable(thresholds, classes) {
  const needed = classes.includes("mpox") ? ["mpox", ...THRESHOLDS] : THRESHOLDS;
  return needed.every((name) => Number.isFinite(thresholds[name])) && (classes.includes("mpox") || !("mpox" in thresholds));
}

async function read(file) {
  const response = await fetch(FOLDER + file).catch(() => null);
  if (!response?.ok) throw new Failure("bundle_missing", { file });
  return response.arrayBuffer();
}

async function readVerified(file, sha256) {
  const content = await read(file);
  if ((await hashOf(content)) !== sha256) throw new Failure("bundle_damaged", { file });
  return content;
}

async function hashOf(content) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parseJson(file, content) {
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
