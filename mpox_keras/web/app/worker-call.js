import { Failure } from "./failure.js";

/**
 * Calls into a worker that answers each `{id, name, argument}` with `{id, value}` or `{id, failure: {key, values}}`.
 *
 * @param {Worker} worker
 * @returns {(name: string, argument: object, transfer?: Transferable[]) => Promise<object>}
 */
export function callsTo(worker) {
  const waiting = new Map();
  let next = 0;
  // An error outside of any call: the worker could not be loaded, or is lost.
  let lost = null;
  worker.onmessage = ({ data: { id, value, failure } }) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (failure) call?.reject(new Failure(failure.key, failure.values));
    else call?.resolve(value);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    lost = new Failure("worker_failed", { reason: event.message || worker.constructor.name });
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
  };
  return (name, argument, transfer = []) =>
    new Promise((resolve, reject) => {
      if (lost) return reject(lost);
      waiting.set(next, { resolve, reject });
      worker.postMessage({ id: next++, name, argument }, transfer);
    });
}
