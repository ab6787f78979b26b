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
  worker.onmessage = ({ data: { id, value, failure } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure) reject(new Failure(failure.key, failure.values));
    else resolve(value);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of waiting.values()) reject(new Failure("worker_failed", { reason: event.message || "" }));
    waiting.clear();
  };
  return (name, argument, transfer = []) =>
    new Promise((resolve, reject) => {
      waiting.set(next, { resolve, reject });
      worker.postMessage({ id: next++, name, argument }, transfer);
    });
}
