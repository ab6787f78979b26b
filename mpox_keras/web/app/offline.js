/**
 * Keep the whole site on the device.
 *
 * @param {{onReady: () => void, onUpdate: (apply: () => void) => void}} events `onReady` once the page works without a
 *   network; `onUpdate` once another version lies ready as a whole, with the function that changes to it.
 */
export async function keepOffline({ onReady, onUpdate }) {
  if (!("serviceWorker" in navigator)) return;
  const container = navigator.serviceWorker;
  // At the first visit a service worker takes over too, and nothing changes by it.
  let changing = false;
  container.addEventListener("controllerchange", () => changing && location.reload());
  const registration = await container.register("service-worker.js", { updateViaCache: "none" });
  const offer = (worker) =>
    onUpdate(() => {
      changing = true;
      worker.postMessage("activate");
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
