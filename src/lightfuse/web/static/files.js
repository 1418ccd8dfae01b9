// Made by tools.web_build.
self.LIGHTFUSE = { version: "d92f049eb80dd6f6", files:
["./", "engine/align.js", "engine/core.js", "engine/index.js", "engine/lightfuse-scalar.wasm",
"engine/lightfuse-simd.wasm", "engine/warp.js", "icon.svg", "index.html", "manifest.webmanifest", "page/bracket.js",
"page/exif.js", "page/frames.js", "page/gain-map.js", "page/ghosts.js", "page/grouping.js", "page/helper.js",
"page/intensity.js", "page/light.js", "page/looks.js", "page/main.js", "page/motion.js", "page/output.js",
"page/planes.js", "page/pool.js", "page/selection.js", "page/tones.js", "page/ultra-hdr.js", "page/viewer.js",
"page/worker.js", "sample/over.jpg", "sample/under.jpg", "style.css"] };
