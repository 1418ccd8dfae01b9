"""What is released: one version and one list of dependencies everywhere, and the npm package installed."""

import json
import re
import shutil
import subprocess
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba

import lightfuse
from lightfuse.fuser import Fuser

ROOT = Path(__file__).parents[1]
# Fuses two RGBA files of 240 × 160 as a program that has installed the package does.
PROGRAM = """\
import { readFileSync, writeFileSync } from "node:fs";
import { fuse } from "lightfuse";
const [under, over] = process.argv.slice(2, 4).map((path) => (
  { width: 240, height: 160, data: new Uint8ClampedArray(readFileSync(path)) }));
writeFileSync(process.argv[4], (await fuse(under, over)).data);
"""
# The same in a page.
PAGE = """\
import { fuse } from "lightfuse";
const read = async (name) => new Uint8ClampedArray(await (await fetch(name)).arrayBuffer());
const [under, over] = [await read("under"), await read("over")].map((data) => ({ width: 240, height: 160, data }));
window.fused = (await fuse(under, over)).data;
"""
VITE = 8
PATIENCE = 120_000  # milliseconds, for machines with much else to do


def test_every_package_has_one_version():
    nodes = tomllib.loads((ROOT / "integrations" / "comfyui" / "pyproject.toml").read_text())
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    versions = {
        json.loads((ROOT / "web" / "package.json").read_text())["version"],
        nodes["project"]["version"],
        re.search(r'version: "(.*)"', recipe)[1],
    }
    assert versions == {lightfuse.__version__}


def test_the_conda_recipe_asks_for_what_the_package_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0].replace("py-opencv", "opencv-python-headless")
    asked = {line.strip("- ").replace(" ", "") for line in run.splitlines()}
    assert asked == {f"python{project['requires-python']}", *project["dependencies"]}


def npm(folder, *arguments):
    line = ["npm", *arguments, "--no-audit", "--no-fund"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def packed(tmp_path):
    """The npm package's file, as `npm pack` makes it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    package = tmp_path / "package"
    shutil.copytree(ROOT / "web", package / "web", ignore=shutil.ignore_patterns("lib", "node_modules"))
    engine = Path("src", "lightfuse", "web", "static", "engine")
    shutil.copytree(ROOT / engine, package / engine)
    return package / "web" / npm(package / "web", "pack", "--silent", "--offline").split()[-1]


@pytest.fixture
def program(tmp_path, pair):
    """An empty package with the pair in it, as RGBA bytes."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    (folder / "public").mkdir()
    for name, pixels in zip(("under", "over"), pair, strict=True):
        (folder / "public" / name).write_bytes(rgba(pixels).tobytes())
    return folder


def check(pixels, pair):
    fused = np.frombuffer(pixels, np.uint8).reshape(160, 240, 4)[..., :3]
    assert np.abs(fused.astype(int) - Fuser()(*pair)).max() <= 1


@pytest.mark.slow
@needs_node
def test_the_npm_package_installs_and_fuses(packed, program, pair):
    npm(program, "install", "--offline", str(packed))
    (program / "fuse.js").write_text(PROGRAM)
    subprocess.run(["node", "fuse.js", "public/under", "public/over", "out"], cwd=program, check=True)
    check((program / "out").read_bytes(), pair)


@pytest.mark.slow
@pytest.mark.network
@needs_node
def test_the_npm_package_fuses_in_a_page_that_vite_has_built(packed, program, pair):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    try:
        npm(program, "install", "--prefer-offline", f"vite@{VITE}", str(packed))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"vite cannot be installed: {error.stderr.strip()[-200:]}")
    (program / "index.html").write_text('<!doctype html><script type="module" src="/page.js"></script>')
    (program / "page.js").write_text(PAGE)
    subprocess.run(["npx", "vite", "build"], cwd=program, capture_output=True, check=True)
    served = partial(SimpleHTTPRequestHandler, directory=str(program / "dist"))
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server, playwright.sync_playwright() as running:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=PATIENCE)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/", timeout=PATIENCE)
        page.wait_for_function("window.fused", timeout=PATIENCE)
        check(bytes(page.evaluate("Array.from(window.fused)")), pair)
        browser.close()
        server.shutdown()
