import { callsTo } from "./worker-call.js";

// Outputs of two engines for one picture may differ by this much of the largest one, or of 1 where that is more; phone GPUs
// that compute with 16 bits differ by more.
const TOLERANCE = 1e-3;
// Another engine must be faster by this factor: a short measurement is not exact, and the first one is there already.
const GAIN = 0.9;
const PATIENCE_MS = 30_000;
// What browsers call WebGL that the processor computes. To try it would keep a core busy for nothing.
const NO_GRAPHICS_PROCESSOR = /swiftshader|llvmpipe|softpipe|software|microsoft basic render/i;

/** The network, in whichever engine is fastest on this device. */
export class Classifier {
  /**
   * Ready once TF.js's WASM is, which works on every device; `improve` tries TF.js's other engines, and `improveFurther`
   * LiteRT.
   *
   * @param {{metadata: object, artifacts: object, readTflite: ?function(): Promise<ArrayBuffer>}} bundle
   */
  static async start(bundle) {
    const classifier = new Classifier();
    classifier.bundle = bundle;
    classifier.engine = await startEngine("wasm", bundle);
    classifier.measured = { wasm: classifier.engine.milliseconds };
    return classifier;
  }

  /**
   * Try the other engines of TF.js, one after another, and keep the fastest that gives the same answer.
   *
   * @returns {Promise<void>} once all were tried; `engine` and `measured` tell the outcome (milliseconds, or why not).
   */
  async improve() {
    // Shared memory is given only to pages whose server isolates them by its headers.
    if (crossOriginIsolated && navigator.hardwareConcurrency > 1) await this.#try("wasm-threads");
    if (navigator.gpu) await this.#try("webgpu");
    if (hasGraphicsProcessor()) await this.#try("webgl");
    else this.measured.webgl = "no graphics processor";
  }

  /** Try LiteRT, of which some megabytes are loaded, unless the bundle has no file for it or the person saves data. */
  async improveFurther() {
    if (this.bundle.readTflite && !navigator.connection?.saveData) await this.#try("litert");
  }

  async #try(name) {
    const engine = await startEngine(name, this.bundle).catch((error) => ({ failed: error.values?.reason ?? error.message }));
    this.measured[name] = engine.failed ?? engine.milliseconds;
    if (engine.failed) return;
    // Side by side, as the device may be busier now than it was.
    const { milliseconds } = await this.engine.measure();
    const agrees = areClose(engine.outputs, this.engine.outputs);
    if (!agrees) this.measured[name] = "another answer";
    if (agrees && engine.milliseconds < GAIN * milliseconds) {
      const slower = this.engine;
      this.engine = engine;
      slower.stop();
    } else engine.stop();
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

function hasGraphicsProcessor() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  return gl !== null && !NO_GRAPHICS_PROCESSOR.test(gl.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
}

function areClose(found, wanted) {
  return Object.entries(wanted).every(([name, values]) => {
    const most = TOLERANCE * Math.max(1, ...values.map(Math.abs));
    return (
      found[name]?.length === values.length && values.every((value, index) => Math.abs(found[name][index] - value) <= most)
    );
  });
}

async function startEngine(name, { metadata, artifacts, readTflite }) {
  const network = name === "litert" ? await readTflite() : artifacts;
  const worker = new Worker(new URL("model-worker.js", import.meta.url));
  const call = callsTo(worker);
  const running = new Set();
  try {
    const started = call("start", { engine: name, network, size: metadata.image_size });
    // A graphics driver may never answer.
    const { milliseconds, outputs } = await (name === "wasm" ? started : Promise.race([started, patience()]));
    return {
      name,
      milliseconds,
      outputs,
      measure: () => call("measure"),
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
