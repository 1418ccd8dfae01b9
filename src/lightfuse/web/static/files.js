// Made by tools.web_build.
self.LIGHTFUSE = {
  "version": "277c44f0ace9d677",
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
    "page/recipe.js",
    "page/viewer.js",
    "page/worker.js",
    "sample/over.jpg",
    "sample/under.jpg",
    "style.css"
  ]
};
