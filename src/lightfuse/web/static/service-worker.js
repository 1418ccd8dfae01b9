/* Keeps the page for use offline: every file of the list once, under its version; older versions go. Takes photographs
 * that other programs share with the page, which opens them: see the manifest's share_target. */
importScripts("files.js");

const { version, files } = self.LIGHTFUSE;
const PREFIX = "lightfuse-";
const CACHE = PREFIX + version;

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOlder().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
  else if (event.request.url.endsWith("/share")) event.respondWith(keepShared(event.request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(files.map((name) => new Request(name, { cache: "reload" })));
}

async function forgetOlder() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

async function keepShared(request) {
  const cache = await caches.open("shared");
  const files = (await request.formData()).getAll("photographs");
  const keepFile = (file, i) => cache.put(`shared/${i}/${encodeURIComponent(file.name)}`, new Response(file));
  await Promise.all(files.map(keepFile));
  return Response.redirect("./?shared", 303);
}
