// Made by tools.web_build.
self.LIGHTFUSE = { version: "5be5c1d0fd590aa4", files:
["./", "engine/align/contrast.js", "engine/align/geometry.js", "engine/align/refine.js", "engine/align/register.js",
"engine/align/warp.js", "engine/core.js", "engine/index.js", "engine/lightfuse-scalar.wasm",
"engine/lightfuse-simd.wasm", "icon.svg", "index.html", "manifest.webmanifest", "page/bracket.js", "page/exif.js",
"page/frames.js", "page/grouping.js", "page/helper.js", "page/looks.js", "page/main.js", "page/output.js",
"page/pool.js", "page/selection.js", "page/viewer.js", "page/worker.js", "sample/over.jpg", "sample/under.jpg",
"style.css"] };
