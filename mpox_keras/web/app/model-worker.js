// Runs the network in one engine, away from the page's own thread. A classic worker, because the engines' files are scripts
// that share one global.

const WARM_UP_RUNS = 8;
// Browsers compile WebAssembly well only after it has run for a while. LiteRT's is large, and nobody waits for it.
const WARM_UP_MS = { litert: 1000 };
const MEASURED_MS = 150;

let run;
let probe;

const calls = {
  async start({ engine, network, size }) {
    importScripts(engine === "litert" ? "litert-engine.js" : "tfjs-engine.js");
    run = await self.startEngine({ engine, network, size });
    // A picture that no two channels or rows of which are alike, to compare engines by.
    probe = Uint8Array.from({ length: size * size * 3 }, (_, index) => (index * 37 + (index >> 6) * 11) % 256);
    const end = performance.now() + (WARM_UP_MS[engine] ?? 0);
    for (let time = 0; time < WARM_UP_RUNS || performance.now() < end; time++) await run(probe);
    return { ...(await calls.measure()), outputs: await run(probe) };
  },

  // The least of several: what the device does meanwhile, compiling too, is not the engine's.
  async measure() {
    const end = performance.now() + MEASURED_MS;
    let milliseconds = Infinity;
    while (performance.now() < end) {
      milliseconds = Math.min(milliseconds, (await calls.predict({ pixels: probe })).milliseconds);
    }
    return { milliseconds };
  },

  async predict({ pixels }) {
    const started = performance.now();
    const outputs = await run(pixels);
    return { ...outputs, milliseconds: performance.now() - started };
  },
};

addEventListener("message", async ({ data: { id, name, argument } }) => {
  try {
    postMessage({ id, value: await calls[name](argument) });
  } catch (error) {
    postMessage({ id, failure: { key: "worker_failed", values: { reason: error.message ?? String(error) } } });
  }
});
