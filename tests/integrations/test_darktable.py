"""integrations/darktable/lightfuse.lua, in darktable itself on a screen that nobody sees."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tifffile

SCRIPT = Path(__file__).parents[2] / "integrations" / "darktable" / "lightfuse.lua"
_LONGEST_WAIT = 120  # seconds; without a sound device or a user of its own, darktable may hang at its start
# Imports two pictures, fuses them, and writes down what darktable knows of the result.
DRIVER = """\
local dt = require "darktable"
package.path = "{script}/?.lua;" .. package.path
local done, said = pcall(function()
  local lightfuse = require "lightfuse"
  local images = {{}}
  for i, name in ipairs({{ "under.jpg", "over.jpg" }}) do images[i] = dt.database.import("{folder}/" .. name) end
  local lines = {{}}
  local function add(...) lines[#lines + 1] = table.concat({{ ... }}, " ") end
  add(lightfuse.command("lf", {{ look = "vivid" }}, {{ "it's.tif", "b.tif" }}, "o ut.tif"))
  add(select(2, lightfuse.fuse({{ images[1] }}, {{}})))
  local shares = {{}}
  local function report(share) shares[#shares + 1] = share end
  local fused, message = lightfuse.fuse(images, {{ model = "small", hdr = "dng" }}, report)
  if not fused then error(message) end
  add(fused.filename, #shares)
  local members, tags = {{}}, {{}}
  for _, image in ipairs(fused:get_group_members()) do members[#members + 1] = image.filename end
  for _, tag in ipairs(dt.tags.get_tags(fused)) do tags[#tags + 1] = tag.name end
  table.sort(members)
  add(table.unpack(members))
  add(table.unpack(tags))
  add(lightfuse.free_name("{folder}", "over.jpg"))
  dt.preferences.write("lightfuse", "program", "string", "false")
  add(select(2, lightfuse.fuse(images, {{}})))
  return table.concat(lines, "\\n")
end)
local out = io.open("{folder}/said.part", "w")
out:write(tostring(said))
out:close()
os.rename("{folder}/said.part", "{folder}/said")
"""


@pytest.mark.slow
def test_darktable_fuses_the_selected_pictures(folder, tmp_path):
    if shutil.which("darktable") is None or shutil.which("xvfb-run") is None:
        pytest.skip("darktable or xvfb-run is not installed")
    program = tmp_path / "bin" / "lightfuse"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lightfuse "$@"\n')
    program.chmod(0o755)
    (folder / "driver.lua").write_text(DRIVER.format(script=SCRIPT.parent, folder=folder))
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    line = ["xvfb-run", "-a", "darktable", "--configdir", tmp_path / "config", "--cachedir", tmp_path / "cache"]
    line += ["--library", ":memory:", "--disable-opencl", "--luacmd", f"dofile('{folder / 'driver.lua'}')"]
    with open(tmp_path / "log", "wb") as log:
        environment = os.environ | {"PATH": path, "HOME": str(tmp_path)}
        darktable = subprocess.Popen(line, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            for _ in range(_LONGEST_WAIT * 5):
                if darktable.poll() is not None or (folder / "said").exists():
                    break
                time.sleep(0.2)
            else:
                pytest.skip("darktable's window did not come to run the script")
        finally:  # It has no command to end it.
            if darktable.poll() is None:
                os.killpg(darktable.pid, signal.SIGTERM)
            darktable.wait()
    assert (folder / "said").exists(), (tmp_path / "log").read_text(errors="replace")
    command, too_few, fused, members, tags, free, failed = (folder / "said").read_text().splitlines()
    assert command == (
        "lf fuse --quiet --model base --look vivid --align auto --deghost auto --bit-depth 16 -o 'o ut.tif' -- "
        "'it'\\''s.tif' 'b.tif'"
    )
    assert too_few == "select two or more exposures of one scene"
    assert fused == "over-fused.tif 3"
    assert members == "over-fused.tif over.jpg under.jpg"
    assert "lightfuse|fused" in tags.split()
    assert free == f"{folder}/over-fused-2.tif"
    assert failed == "lightfuse failed; see the terminal"
    assert tifffile.imread(folder / "over-fused.tif").dtype == "uint16"
    assert tifffile.imread(folder / "over-fused-hdr.dng").shape == (160, 240, 3)


def test_the_script_stands_under_its_own_licence():
    assert "either version 2 of the License, or (at your option) any later\nversion" in SCRIPT.read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in (SCRIPT.parent / "LICENSE").read_text()
