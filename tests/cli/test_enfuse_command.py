"""``lightfuse-enfuse``: the command lines of the programs that run enfuse, and enfuse's own ways with them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from lightfuse.cli.enfuse import main, parse
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse

# What the programs put together from their settings: darktable's enfuse.lua and enfuseAdvanced.lua, digiKam's
# expoblendingthread.cpp, Hugin's StitchingExecutor.cpp and blended_stacks.executor.
DARKTABLE = '--depth 16 --exposure-optimum 0.5000 --blend-colorspace=ciecam -o "{out}.tif" "@{response}"'
DARKTABLE_ADVANCED = (
    "--exposure-weight=1.0 --saturation-weight=0.2 --contrast-weight=0.0 --exposure-optimum=0.5 --exposure-width=0.2 "
    "--soft-mask --contrast-window-size=5 --contrast-edge-scale=0.0 --contrast-min-curvature=0.0% --depth=16 "
    "--compression=deflate --output='{out}.tif' '{under}' '{over}'"
)
DARKTABLE_JPEG = "--exposure-weight=1.0 --depth=8 --compression=92 --output='{out}.jpg' '{under}' '{over}'"
DIGIKAM = (
    "-l 20 -c --compression=DEFLATE --exposure-weight=1 --saturation-weight=0.2 --contrast-weight=0 -v "
    "-o '{out}.tif' '{under}' '{over}'"
)
HUGIN = " -w -f240x160  --compression=LZW  -o {out}.tif -- {under} {over} "
HUGIN_JPEG = "--wrap=horizontal -f240x160 --compression=90 -o {out}.jpg -- {under} {over}"
HUGIN_USER_DEFINED = "-f240x160 --output={out}.tif {under} {over}"


@pytest.fixture
def enfuse(run_here):
    """The program, run in this process: call it with its arguments; returns exit code, output and errors."""
    return partial(run_here, main, "enfuse")


@pytest.fixture
def lists(folder):
    """A folder of the sample pictures, with a response file."""
    (folder / "names").write_text("under.png\n\n# a comment\n  over.png  \n")
    return folder


@pytest.mark.parametrize(
    ("line", "suffix", "depth"),
    [
        (DARKTABLE, ".tif", np.uint16),
        (DARKTABLE_ADVANCED, ".tif", np.uint16),
        (DARKTABLE_JPEG, ".jpg", np.uint8),
        (DIGIKAM, ".tif", np.uint8),
        (HUGIN, ".tif", np.uint8),
        (HUGIN_JPEG, ".jpg", np.uint8),
        (HUGIN_USER_DEFINED, ".tif", np.uint8),
    ],
    ids=["darktable", "darktable-advanced", "darktable-jpeg", "digikam", "hugin", "hugin-jpeg", "hugin-user-defined"],
)
def test_command_lines_of_programs_fuse(enfuse, lists, pair, line, suffix, depth):
    given = {
        "out": lists / "out",
        "response": lists / "names",
        "under": lists / "under.png",
        "over": lists / "over.png",
    }
    (lists / f"out{suffix}").write_text("enfuse replaces what is there")
    assert enfuse(*shlex.split(line.format(**given)))[0] == 0
    written = read_picture(lists / f"out{suffix}").pixels
    assert written.dtype == depth
    wrapped = FuseOptions(align="off", wrap=" -w" in f" {line}" or "--wrap" in line)
    deep = [picture.astype(depth) * depth(257 if depth == np.uint16 else 1) for picture in pair]
    difference = np.abs(written.astype(np.int32) - fuse(*deep, options=wrapped))
    assert difference.mean() < 4 if suffix == ".jpg" else not difference.any()


def test_response_files_name_inputs_from_their_own_folder(enfuse, lists, pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert enfuse("-o", "out.png", f"@{lists / 'names'}")[0] == 0
    assert np.array_equal(read_picture(tmp_path / "out.png").pixels, Fuser()(*pair))


def test_the_output_is_called_a_tif_unless_named(enfuse, folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert enfuse("under.png", "over.png")[0] == 0
    assert tifffile.imread(folder / "a.tif").shape == (160, 240, 3)


def test_frames_are_not_aligned(enfuse, folder, pair):
    moved = np.roll(pair[1], 3, axis=1)
    Image.fromarray(moved).save(folder / "over.png")
    assert enfuse("-o", folder / "out.png", folder / "under.png", folder / "over.png")[0] == 0
    fused = read_picture(folder / "out.png").pixels
    unaligned = Fuser()(pair[0], moved)
    assert (np.abs(fused.astype(int) - unaligned) <= 2).mean() > 0.8  # The rest may be ghosts.


def test_one_input_is_passed_on(enfuse, folder, pair16):
    code, out, errors = enfuse("-o", folder / "out.tif", folder / "under16.tif")
    assert (code, out) == (0, "")
    assert "one input image" in errors
    assert np.array_equal(tifffile.imread(folder / "out.tif"), pair16[0])


@pytest.mark.parametrize(
    ("value", "tag"), [("none", 1), ("LZW", 5), ("deflate", 8), ("packbits", 5), ("jpeg:90", 8), ("90", 1)]
)
def test_tiff_compressions(enfuse, folder, value, tag):
    enfuse(f"--compression={value}", "-o", folder / "out.tif", folder / "under.png", folder / "over.png")
    with tifffile.TiffFile(folder / "out.tif") as tiff:
        assert tiff.pages.first.compression == tag


def test_jpeg_quality(enfuse, folder):
    inputs = folder / "under.png", folder / "over.png"
    for name, value in {"small": "20", "large": "jpeg:98", "zero": "0"}.items():
        assert enfuse(f"--compression={value}", "-o", folder / f"{name}.jpg", *inputs)[0] == 0
    sizes = [(folder / f"{name}.jpg").stat().st_size for name in ("zero", "small", "large")]
    assert sizes == sorted(sizes)
    assert sizes[1] * 3 < sizes[2]


@pytest.mark.parametrize(("depth", "dtype"), [("8", "uint8"), ("16", "uint16"), ("32", "float32"), ("R32", "float32")])
def test_depths(enfuse, folder, depth, dtype):
    assert enfuse("-d", depth, "-o", folder / "out.tif", folder / "under.png", folder / "over.png")[0] == 0
    assert tifffile.imread(folder / "out.tif").dtype == dtype


def test_a_depth_that_the_format_lacks_is_noted(enfuse, folder):
    code, _, errors = enfuse("-v", "-d", "16", "-o", folder / "out.jpg", folder / "under.png", folder / "over.png")
    assert code == 0
    assert "--depth=16 has no effect: .jpg files do not have it" in errors


def test_options_without_effect_are_told_under_verbose_only(enfuse, folder):
    line = ["--exposure-weight=1", "--wMu", "0.4", "--entropy-weight", "0.3", "--exposure-sigma=0.1", "-g"]
    line += ["-o", folder / "out.png", folder / "under.png", folder / "over.png"]
    assert enfuse(*line) == (0, "", "")
    code, out, errors = enfuse("-v", *line)
    assert (code, out) == (0, "")
    for name in ("exposure-weight=1", "wMu=0.4", "entropy-weight=0.3", "exposure-sigma=0.1", "gimp"):
        assert f"note: --{name} has no effect" in errors
    assert re.search(r"info: 2 images fused to .*out\.png, 240x160", errors)


def test_model_and_look(enfuse, folder, pair):
    line = "--model=small", "-o", folder / "out.png", folder / "under.png", folder / "over.png"
    assert enfuse(*line)[0] == 0
    assert np.array_equal(read_picture(folder / "out.png").pixels, Fuser("small")(*pair))
    assert enfuse("--look=bright", *line)[0] == 0
    assert read_picture(folder / "out.png").pixels.mean() > Fuser("small")(*pair).mean()


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_reads_as_programs_parse_it(enfuse, option):
    code, out, errors = enfuse(option)
    assert (code, errors) == (0, "")
    assert re.search(r"enfuse (\d.\d)", out)[1] == "4.2"  # darktable's enfuse.lua
    assert out.splitlines()[0] == "enfuse 4.2"  # digiKam: the first line after "enfuse "
    assert "LightFuse" in out


def test_help_names_the_options_that_have_an_effect(enfuse):
    code, out, _ = enfuse("--help")
    assert code == 0
    for name in ("--output", "--depth", "--compression", "--model", "--hard-mask"):
        assert name in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--hard-mask"], "--hard-mask is for focus stacks, which LightFuse does not fuse; use enfuse for it"),
        (["--HardMask"], "--HardMask is for focus stacks"),
        (["--load-masks"], "--load-masks cannot be obeyed"),
        (["--bogus=1"], "option --bogus not recognized; see lightfuse-enfuse --help"),
        (["--ciecam=1"], "option --ciecam must not have an argument"),
        (["-x"], "option -x not recognized"),
        (["under.png", "-o"], "option -o requires argument"),
        (["--compression=best"], "unrecognized compression 'best'"),
        (["--depth=12"], "--depth=12 is none of 8, 16, 32, r32, r64"),
        (["--look=pink"], "--look=pink is none of natural, bright, vivid"),
        ([], "no input files given"),
        (["@nowhere"], "the response file nowhere cannot be read: No such file or directory"),
    ],
)
def test_refusals_are_one_sentence(enfuse, lists, contents, monkeypatch, words, sentence):
    monkeypatch.chdir(lists)
    before = contents(lists)
    inputs = ["under.png", "over.png"] if words and "=" in words[0] else []
    code, out, errors = enfuse(*words, *inputs)
    assert (code, out) == (2, "")
    assert errors.startswith(f"lightfuse-enfuse: {sentence}")
    assert len(errors.splitlines()) == 1
    assert contents(lists) == before


def test_options_stand_in_any_order_and_shape():
    request = parse(["a", "-vc", "-oout.tif", "-f10x20+1+2", "--depth", "8", "-w", "b", "--", "-c", "@d"])
    assert request.inputs == ["a", "b", "-c", "@d"]
    assert request.options == {"verbose": "", "output": "out.tif", "size": "10x20+1+2", "depth": "8", "wrap": ""}


def test_a_value_that_is_missing_is_reported():
    with pytest.raises(LightFuseError, match="option --output requires argument"):
        parse(["--output"])


PROJECT = """\
p f0 w220 h150 v45 k0 E0 R0 n"TIFF_m c:LZW r:CROP"
m i0
i w240 h160 f0 v50 Ra0 Rb0 Rc0 Rd0 Re0 Eev0 Er1 Eb1 r0 p0 y0 j0 a0 b0 c0 d0 e0 g0 t0 Va1 Vb0 Vc0 Vd0 Vm5 n"under.jpg"
i w240 h160 f0 v=0 Ra=0 Rb=0 Rc=0 Rd=0 Re=0 Eev4 Er1 Eb1 r0 p0 y0 j0 a=0 b=0 c=0 d=0 e=0 g=0 t=0 Va=0 Vb=0 Vc=0 \
Vd=0 Vm5 n"over.jpg"
#hugin_blender enblend
#hugin_remapper nona
#hugin_outputLDRBlended false
#hugin_outputLDRExposureRemapped true
#hugin_outputLDRStacks true
#hugin_outputLayersCompression LZW
#hugin_outputImageType tif
"""


@pytest.fixture
def hugin(folder, tmp_path, monkeypatch):
    """Runs hugin_executor on PROJECT, with lightfuse-enfuse called enfuse before all others in PATH."""
    if shutil.which("hugin_executor") is None:
        pytest.skip("hugin_executor is not installed (Debian's hugin-tools)")
    program = tmp_path / "bin" / "enfuse"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom lightfuse.cli.enfuse import main\nmain()\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (program.parent / "lightfuse-enfuse").symlink_to("enfuse")
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(project, *arguments):
        (folder / "project.pto").write_text(project)
        line = ["hugin_executor", "--stitching", "--prefix=out", *map(str, arguments), "project.pto"]
        return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)

    return run


@pytest.mark.slow
def test_hugin_executor_fuses_a_stack(hugin, folder):
    assert "Exposure fusion: enfuse 4.2" in hugin(PROJECT).stdout
    layers = [tifffile.imread(folder / f"out_exposure_layers_000{i}.tif") for i in (0, 1)]
    assert [layer.shape for layer in layers] == [(150, 220, 4)] * 2
    assert np.array_equal(
        tifffile.imread(folder / "out_stack_ldr_0000.tif")[..., :3], Fuser()(*[layer[..., :3] for layer in layers])
    )


@pytest.mark.slow
def test_hugin_executor_runs_the_users_own_output(hugin, folder):
    output = Path(__file__).parents[2] / "integrations" / "hugin" / "lightfuse_stacks.executor"
    said = hugin(PROJECT, f"--user-defined-output={output}").stdout
    assert "Fusing all stacks with LightFuse" in said
    assert tifffile.imread(folder / "out_fused.tif").shape[:2] == (150, 220)
