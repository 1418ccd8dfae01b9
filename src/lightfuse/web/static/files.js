// Made by tools.web_build.
self.LIGHTFUSE = {
  "version": "48e4663e1f3bd9da",
  "files": [
    "./",
    "engine/align/contrast.js",
    "engine/align/geometry.js",
    "engine/align/refine.js",
    "engine/align/register.js",
    "engine/align/warp.js",
    "engine/core.js",
    "engine/index.js",
    "engine/lightfuse-scalar.wasm",
    "engine/lightfuse-simd.wasm",
    "icon.svg",
    "index.html",
    "manifest.webmanifest",
    "page/exif.js",
    "page/frames.js",
    "page/helper.js",
    "page/main.js",
    "page/pool.js",
    "page/selection.js",
    "page/viewer.js",
    "page/worker.js",
    "sample/over.jpg",
    "sample/under.jpg",
    "style.css"
  ]
};
