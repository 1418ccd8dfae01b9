"""What is released: one version and one list of dependencies everywhere, and the npm package installed."""

import json
import re
import shutil
import subprocess
import tomllib
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


@pytest.mark.slow
@needs_node
def test_the_npm_package_installs_and_fuses(tmp_path, pair):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    package = tmp_path / "package"
    shutil.copytree(ROOT / "web", package / "web", ignore=shutil.ignore_patterns("lib", "node_modules"))
    engine = Path("src", "lightfuse", "web", "static", "engine")
    shutil.copytree(ROOT / engine, package / engine)

    def npm(folder, *arguments):
        line = ["npm", *arguments, "--offline", "--no-audit", "--no-fund", "--cache", tmp_path / "cache"]
        return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout

    packed = npm(package / "web", "pack", "--silent").split()[-1]
    program = tmp_path / "program"
    program.mkdir()
    (program / "package.json").write_text('{"type": "module", "private": true}')
    npm(program, "install", str(package / "web" / packed))
    (program / "fuse.js").write_text(PROGRAM)
    for name, pixels in zip(("under", "over"), pair, strict=True):
        (program / name).write_bytes(rgba(pixels).tobytes())
    subprocess.run(["node", "fuse.js", "under", "over", "out"], cwd=program, check=True)
    fused = np.frombuffer((program / "out").read_bytes(), np.uint8).reshape(160, 240, 4)[..., :3]
    assert np.abs(fused.astype(int) - Fuser()(*pair)).max() <= 1
