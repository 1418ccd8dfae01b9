// Made by tools.web_build.
self.LIGHTFUSE = { version: "2b49d109de388d83", files:
["./", "engine/align.js", "engine/core.js", "engine/index.js", "engine/lightfuse-scalar.wasm",
"engine/lightfuse-simd.wasm", "engine/warp.js", "icon.svg", "index.html", "manifest.webmanifest", "page/bracket.js",
"page/exif.js", "page/frames.js", "page/grouping.js", "page/helper.js", "page/looks.js", "page/main.js",
"page/output.js", "page/pool.js", "page/selection.js", "page/viewer.js", "page/worker.js", "sample/over.jpg",
"sample/under.jpg", "style.css"] };
