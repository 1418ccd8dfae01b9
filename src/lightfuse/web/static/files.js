// Made by tools.web_build.
self.LIGHTFUSE = { version: "c985cc2ddd8cc9ea", files:
["./", "engine/align.js", "engine/core.js", "engine/deghost.js", "engine/lightfuse-deghost.wasm",
"engine/lightfuse.wasm", "engine/warp.js", "icon.svg", "index.html", "manifest.webmanifest", "page/bracket.js",
"page/exif.js", "page/frames.js", "page/gain-map.js", "page/grouping.js", "page/helper.js", "page/looks.js",
"page/main.js", "page/messages.js", "page/output.js", "page/pool.js", "page/selection.js", "page/ultra-hdr.js",
"page/viewer.js", "page/worker.js", "sample/over.jpg", "sample/under.jpg", "style.css"] };
