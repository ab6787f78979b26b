/**
 * Keep the whole site on the device.
 *
 * @param {{onReady: () => void, onUpdate: (apply: () => void) => void}} events `onReady` once the page works without a
 *   network; `onUpdate` once another version lies ready as a whole, with the function that changes to it.
 */
export async function keepOffline({ onReady, onUpdate }) {
  if (!("serviceWorker" in navigator)) return;
  const container = navigator.serviceWorker;
  const registration = await container.register("service-worker.js", { updateViaCache: "none" });
  const offer = (worker) =>
    onUpdate(() => {
      // It may be in use already, by another page's wish.
      const change = () => ["activated", "redundant"].includes(worker.state) && location.reload();
      worker.addEventListener("statechange", change);
      worker.postMessage("activate");
      change();
    });
  if (registration.waiting) offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const worker = registration.installing;
    const replaces = Boolean(registration.active);
    worker.addEventListener("statechange", () => worker.state === "installed" && replaces && offer(worker));
  });
  // A page that is opened from the cache does not ask by itself. Without a network there is nothing new.
  registration.update().catch(() => {});
  await container.ready;
  onReady();
}
