import { callsTo } from "./worker-call.js";

// Probabilities of two engines for one picture may differ by this much; phone GPUs that compute with 16 bits differ by more.
const TOLERANCE = 5e-3;
// Another engine must be faster by this factor: a short measurement is not exact, and the first one is there already.
const GAIN = 0.8;
const PATIENCE_MS = 30_000;

/** The network, in whichever of TF.js's engines is fastest on this device. */
export class Classifier {
  /**
   * Ready once WASM is, which works on every device; `improve` tries the others.
   *
   * @param {{metadata: object, artifacts: object}} bundle
   */
  static async start(bundle) {
    const classifier = new Classifier();
    classifier.bundle = bundle;
    classifier.engine = await startEngine("wasm", bundle);
    classifier.measured = { wasm: classifier.engine.milliseconds };
    return classifier;
  }

  /**
   * Try the other engines, one after another, and keep the fastest that gives the same answer.
   *
   * @returns {Promise<void>} once all were tried; `engine` and `measured` tell the outcome (milliseconds, or why not).
   */
  async improve() {
    for (const name of candidates()) {
      const engine = await startEngine(name, this.bundle).catch((error) => ({ failed: error.values?.reason ?? error.message }));
      this.measured[name] = engine.failed ?? engine.milliseconds;
      if (engine.failed) continue;
      const wanted = this.engine.probabilities;
      const agrees = engine.probabilities.every((value, index) => Math.abs(value - wanted[index]) < TOLERANCE);
      if (!agrees) this.measured[name] = "another answer";
      if (agrees && engine.milliseconds < GAIN * this.engine.milliseconds) {
        const slower = this.engine;
        this.engine = engine;
        slower.stop();
      } else engine.stop();
    }
  }

  /**
   * @param {Uint8Array} pixels RGB samples, `image_size` x `image_size`.
   * @returns {Promise<{probabilities: Float32Array, class_activation_map: Float32Array, ood_score: Float32Array,
   *   milliseconds: number}>}
   */
  predict(pixels) {
    return this.engine.predict(pixels);
  }
}

function candidates() {
  const names = ["webgl"];
  if (navigator.gpu) names.unshift("webgpu");
  // Shared memory is given only to pages whose server isolates them by its headers.
  if (crossOriginIsolated && navigator.hardwareConcurrency > 1) names.unshift("wasm-threads");
  return names;
}

async function startEngine(name, { metadata, artifacts }) {
  const worker = new Worker(new URL("model-worker.js", import.meta.url));
  const call = callsTo(worker);
  const running = new Set();
  try {
    const started = call("start", { engine: name, artifacts, size: metadata.image_size });
    // A graphics driver may never answer.
    const { milliseconds, probabilities } = await (name === "wasm" ? started : Promise.race([started, patience()]));
    return {
      name,
      milliseconds,
      probabilities,
      predict(pixels) {
        const answer = call("predict", { pixels });
        running.add(answer);
        const done = () => running.delete(answer);
        answer.then(done, done);
        return answer;
      },
      // What has been asked is still answered.
      stop: () => Promise.allSettled(running).then(() => worker.terminate()),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

function patience() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error("took too long")), PATIENCE_MS));
}
