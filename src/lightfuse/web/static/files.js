// Made by lightfuse.web.build.
self.LIGHTFUSE = {
  "version": "a7f7629c67969925",
  "files": [
    "./",
    "engine/core.js",
    "engine/index.js",
    "engine/lightfuse-scalar.wasm",
    "engine/lightfuse-simd.wasm",
    "icon.svg",
    "index.html",
    "manifest.webmanifest",
    "page/embed.js",
    "page/exif.js",
    "page/frames.js",
    "page/helper.js",
    "page/looks.js",
    "page/main.js",
    "page/strip.js",
    "page/studio.js",
    "page/team.js",
    "page/viewer.js",
    "page/worker.js",
    "sample/over.jpg",
    "sample/under.jpg",
    "style.css"
  ]
};
