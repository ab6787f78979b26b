// Keeps one whole version of the site. A new version is fetched and checked as a whole before it is offered, and takes over
// only when the person asks, or when no page of the old one is open.

importScripts("version.js"); // defines SITE: the version, and the SHA-256 of every file, those apart that are kept once asked for

// Sites of one origin share its caches.
const OURS = `mpox-keras ${registration.scope} `;
const CACHE = OURS + SITE.version;
const downloads = new AbortController();

addEventListener("install", (event) => event.waitUntil(fill()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
addEventListener("message", ({ data }) => (data === "activate" ? activate() : downloads.abort()));

async function fill() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.entries(SITE.files).map(async ([file, hash]) => cache.put(file, await fetched(file, hash))));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

// What the browser's own cache holds is taken where it is of this version, so that a first visit loads nothing twice.
async function fetched(file, hash) {
  for (const cache of ["default", "reload"]) {
    const response = await fetch(file, { cache, signal: downloads.signal });
    if (response.ok && (await sha256(response.clone())) === hash) return response;
  }
  throw new Error(`${file} is not the file that version.js describes`);
}

async function sha256(response) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The browser lets the old version finish what it is at: on a slow network its downloads would keep it for minutes.
function activate() {
  registration.active?.postMessage("leave");
  skipWaiting();
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith(OURS) && name !== CACHE) await caches.delete(name);
  }
  await clients.claim();
}

async function answer(request) {
  const url = new URL(request.url);
  if (url.protocol === "blob:") return fetch(request);
  // Whatever a page asks for, nothing leaves for any other place.
  if (url.origin !== location.origin) return Response.error();
  const cache = await caches.open(CACHE);
  const name = request.mode === "navigate" ? "./" : request;
  const kept = await cache.match(name, { ignoreSearch: true });
  const file = url.href.slice(registration.scope.length);
  if (kept || !SITE.later[file]) return kept ?? fetch(request);
  const response = await fetched(file, SITE.later[file]);
  await cache.put(file, response.clone());
  return response;
}
