/* Copies the engine that the page uses, JavaScript and WebAssembly, into lib/, so that there is one of it. */
import { cpSync, rmSync } from "node:fs";

const lib = new URL("./lib/", import.meta.url);
rmSync(lib, { recursive: true, force: true });
const filter = (path) => !path.includes("deghost"); // which the page alone does
cpSync(new URL("../src/lightfuse/web/static/engine/", import.meta.url), lib, { recursive: true, filter });
