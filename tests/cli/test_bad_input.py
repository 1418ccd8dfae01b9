"""Bad input gets one clear sentence and exit code 2, and nothing is written or touched."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.pictures import png_claiming
from builders.weights import make_weights
from PIL import Image
from safetensors.numpy import save

from lightfuse.fuser import Fuser
from lightfuse.images import read_picture

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
# The superuser may write anywhere, unless it gives that capability up.
WITHOUT_PRIVILEGES = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
    if AS_ROOT
    else ()
)


def jpeg_claiming(folder, width, height):
    """A real JPEG whose frame header was changed."""
    data = bytearray((folder / "under.jpg").read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def float_tiff(folder, value, rows=80):
    pixels = np.full((160, 240, 3), 0.25, np.float32)
    pixels[rows, :, 1:] = value
    tifffile.imwrite(folder / "bad.png", pixels, photometric="rgb")


def write(data):
    return lambda folder: (folder / "bad.png").write_bytes(data(folder) if callable(data) else data)


def cut(name, share):
    return write(lambda folder: (folder / name).read_bytes()[: int((folder / name).stat().st_size * share)])


def save_as(mode, kind):
    return lambda folder: Image.open(folder / "under.png").convert(mode).save(folder / "bad.png", kind)


# What is the matter: how bad.png is made, and what the sentence says behind its name.
BAD_PICTURES = {
    "missing": (lambda folder: None, "does not exist; check the path"),
    "empty": (write(b""), "is empty"),
    "a folder": (lambda folder: (folder / "bad.png").mkdir(), "is a folder; give a picture file"),
    "a dangling link": (lambda folder: (folder / "bad.png").symlink_to("nowhere"), "does not exist"),
    "text": (write(b"Dear reader, this is no picture at all."), "is not a picture that can be read; give a JPEG, PNG"),
    "zeros": (write(bytes(5000)), "is not a picture"),
    "a PDF": (write(b"%PDF-1.7\n" + bytes(100)), "is not a picture"),
    "half a JPEG": (cut("under.jpg", 0.5), ""),
    "a JPEG's beginning": (cut("under.jpg", 0.01), ""),
    "half a PNG": (cut("under.png", 0.5), ""),
    "a PNG without its last bytes": (cut("under.png", 0.98), ""),
    "half a TIFF": (cut("under16.tif", 0.5), ""),
    "a PNG of 100,000 squared": (write(png_claiming(100_000, 100_000)), "100,000 × 100,000 pixels, more than the"),
    "a JPEG of 65,000 squared": (write(lambda folder: jpeg_claiming(folder, 65_000, 65_000)), "65,000 × 65,000 pixels"),
    "CMYK": (save_as("CMYK", "JPEG"), "is CMYK; convert it to RGB"),
    "not a number": (lambda folder: float_tiff(folder, np.nan), "not finite numbers (NaN or infinity)"),
    "infinite": (lambda folder: float_tiff(folder, np.inf), "not finite numbers (NaN or infinity)"),
    "far above one": (lambda folder: float_tiff(folder, 255, slice(None)), "holds values from 0.25 to 255, most of"),
}


@pytest.mark.parametrize(("make", "says"), BAD_PICTURES.values(), ids=BAD_PICTURES.keys())
@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
def test_a_bad_picture_is_named(refused, folder, make, says, place):
    make(folder)
    inputs = [folder / "over.png", folder / "over.png"]
    inputs[place] = folder / "bad.png"
    sentence = refused(folder, "fuse", *inputs, "-o", folder / "out.jpg")
    assert sentence.startswith(f"{folder / 'bad.png'} ")
    assert says in sentence


def test_the_limit_of_pixels_is_an_option(refused, lightfuse_program, folder):
    command = ["fuse", folder / "under.png", folder / "over.png", "-o", folder / "out.png", "--max-pixels"]
    assert "240 × 160 pixels, more than the 38,399 allowed" in refused(folder, *command, 240 * 160 - 1)
    assert lightfuse_program(*command, 240 * 160).code == 0


def test_different_sizes_are_both_given(refused, folder):
    Image.open(folder / "over.png").resize((230, 150)).save(folder / "small.png")
    sentence = refused(folder, "fuse", folder / "under.png", folder / "small.png", "-o", folder / "out.png")
    assert f"{folder / 'under.png'} is 240×160" in sentence
    assert f"{folder / 'small.png'} is 230×150" in sentence


def test_one_file_given_twice_is_refused(refused, folder, monkeypatch):
    under = folder / "under.png"
    (folder / "link.png").symlink_to(under)
    monkeypatch.chdir(folder)
    for again in (under, "under.png", "./under.png", folder / ".." / "pictures" / "under.png", "link.png"):
        sentence = refused(folder, "fuse", under, again, "-o", folder / "out.png")
        assert sentence.startswith(f"{under} is given twice")
    assert "- is given twice" in refused(folder, "fuse", "-", "-", "-o", folder / "out.png")


def test_one_picture_alone_is_refused(refused, folder):
    sentence = refused(folder, "fuse", folder / "under.png", "-o", folder / "out.png")
    assert sentence == "fusing takes two or more exposures of one scene, or a TIFF with several pages; 1 given"


# ---- The output -----------------------------------------------------------------------------------------------------


def bad_output(refused, folder, output, *more):
    return refused(folder, "fuse", folder / "under.png", folder / "over.png", "-o", output, *more)


def test_an_existing_output_is_not_replaced(refused, folder):
    (folder / "out.png").write_text("dear to someone")
    assert bad_output(refused, folder, folder / "out.png") == (
        f"{folder / 'out.png'} already exists; give --overwrite to replace it"
    )


def test_a_dangling_link_is_not_replaced_either(refused, folder):
    (folder / "out.png").symlink_to("elsewhere.png")
    assert "already exists" in bad_output(refused, folder, folder / "out.png")


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
@pytest.mark.parametrize("name", ["under.png", "over.png", "./under.png", "link.png"])
def test_an_input_is_never_the_output(refused, folder, name, more):
    (folder / "link.png").symlink_to("over.png")
    sentence = bad_output(refused, folder, f"{folder}/{name}", *more)
    assert sentence.startswith(f"{folder}/{name} is one of the inputs")


def test_a_missing_folder_is_named(refused, folder):
    sentence = bad_output(refused, folder, folder / "nowhere" / "out.png")
    assert f"there is no folder {folder / 'nowhere'}" in sentence


def test_a_file_is_no_folder(refused, folder):
    sentence = bad_output(refused, folder, folder / "under.png" / "out.png")
    assert sentence.startswith(f"{folder / 'under.png' / 'out.png'} ")


def test_a_folder_closed_to_writing_is_named(refused, folder, monkeypatch):
    """As the system tells of it: root, whom nothing stops, may be who runs this."""
    closed, access = folder / "closed", os.access
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))
    sentence = bad_output(refused, folder, closed / "out.png")
    assert sentence == f"{closed / 'out.png'} cannot be written: the folder {closed} is closed to writing"


@pytest.mark.skipif(os.name == "nt", reason="needs a folder closed to writing")
@pytest.mark.skipif(AS_ROOT and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_a_folder_really_closed_to_writing_is_named(folder, contents):
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    before = contents(folder)
    paths = (folder / "under.png", folder / "over.png", "-o", closed / "out.png")
    ended = subprocess.run(
        [*WITHOUT_PRIVILEGES, sys.executable, "-m", "lightfuse", "fuse", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert f"the folder {closed} is closed to writing" in ended.stderr
    assert contents(folder) == before


def test_a_disk_that_fills_up_leaves_nothing(refused, folder, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", no_space)
    monkeypatch.setattr(os, "replace", no_space)
    sentence = bad_output(refused, folder, folder / "out.png")
    assert sentence == f"{folder / 'out.png'} cannot be written: No space left on device"


def test_a_folder_is_no_output(refused, folder):
    (folder / "out.png").mkdir()
    assert "is a folder; give the file to write" in bad_output(refused, folder, folder / "out.png", "--overwrite")


@pytest.mark.parametrize(
    ("name", "says"),
    [("out.gif", "'.gif' is not a picture suffix"), ("out", "there is no suffix"), ("out.jpg.bak", "'.bak'")],
)
def test_an_unknown_suffix_is_refused_with_the_known(refused, folder, name, says):
    sentence = bad_output(refused, folder, folder / name)
    assert sentence.startswith(f"{folder / name} cannot be written: ")
    assert says in sentence
    assert ".jpg, .jpeg, .png, .tif, .tiff, .webp" in sentence


def test_an_unknown_format_for_a_pipe_is_refused_before_any_work(refused, folder):
    sentence = refused(folder, "fuse", folder / "gone", folder / "over.png", "-o", "-", "--format", "gif")
    assert sentence.startswith("'.gif' is not a picture suffix")


def test_a_record_and_a_picture_do_not_share_standard_output(refused, folder):
    assert "--json and -o -" in bad_output(refused, folder, "-", "--json")


def test_a_picture_is_not_poured_over_a_terminal(refused, folder, monkeypatch):
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    assert "cannot be shown on a terminal" in bad_output(refused, folder, "-")


# ---- Weights --------------------------------------------------------------------------------------------------------


def weights_bytes(tensors=None, model="paper", **metadata):
    tensors = make_weights().tensors if tensors is None else tensors
    return save(dict(tensors), metadata={"lightfuse": json.dumps({"model": model}), **metadata})


def changed(**tensors):
    return make_weights().tensors | {name.replace("__", "."): tensor for name, tensor in tensors.items()}


def raw_tensor(kind, shape, size=4):
    """A weights file of one tensor with a dtype and a shape as its header has them."""
    names = {"__metadata__": {"lightfuse": '{"model": "paper"}'}}
    names["x"] = {"dtype": kind, "shape": shape, "data_offsets": [0, size]}
    header = json.dumps(names).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


NAN = np.array([0.1, np.nan, 0.2], np.float32)
BAD_WEIGHTS = {
    "empty": (b"", "is not a readable weights file"),
    "text": (b"these are not weights\n" * 9, "is not a readable weights file"),
    "cut short": (weights_bytes()[:-100], "is not a readable weights file"),
    "cut in the header": (weights_bytes()[:200], "is not a readable weights file"),
    "bytes too many": (weights_bytes() + b"more", "is not a readable weights file"),
    "a picture": (png_claiming(5, 5), "is not a readable weights file"),
    "someone else's": (save({"w": NAN}), "does not say which model it belongs to"),
    "header no JSON": (weights_bytes(lightfuse="{"), "has a damaged header"),
    "header nested too deeply": (weights_bytes(lightfuse="[" * 100_000), "has a damaged header"),
    "configuration nested too deeply": (
        weights_bytes(lightfuse='{"model": "paper", "config": ' + '{"a":' * 100_000),
        "has a damaged header",
    ),
    "an impossible shape": (raw_tensor("F32", [0, 2**62], 0), "does not hold float32 numbers of possible shapes"),
    "header a list": (weights_bytes(lightfuse="[]"), "has a damaged header"),
    "header without a model": (weights_bytes(lightfuse='{"notes": {}}'), "has a damaged header"),
    "notes no mapping": (weights_bytes(lightfuse='{"model": "paper", "notes": 3}'), "has a damaged header"),
    "an unknown model": (weights_bytes(model="papier"), "unknown model 'papier'; known are paper, paper-wide"),
    "another model": (weights_bytes(model="paper-wide"), "model 'paper-wide' needs (256,)"),
    "another shape": (weights_bytes(changed(filtering__mix__bias=NAN[:2])), "(2,), model 'paper' needs (3,)"),
    "a tensor too few": (
        weights_bytes({k: v for k, v in make_weights().tensors.items() if k != "filtering.mix.bias"}),
        "lack tensor 'filtering.mix.bias'",
    ),
    "a tensor too many": (weights_bytes(changed(extra=NAN)), "have an unexpected tensor 'extra'"),
    "not a number": (weights_bytes(changed(filtering__mix__bias=NAN)), "must hold finite float32 numbers"),
    "doubles": (weights_bytes(changed(filtering__mix__bias=np.zeros(3))), "must hold finite float32 numbers"),
    "bfloat16": (raw_tensor("BF16", [2]), "does not hold float32 numbers of possible shapes"),
    "float8": (raw_tensor("F8_E4M3", [4]), "does not hold float32 numbers of possible shapes"),
}


@pytest.mark.parametrize(("data", "says"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS.keys())
def test_bad_weights_are_named(refused, folder, data, says):
    weights = folder / "bad.safetensors"
    weights.write_bytes(data)
    sentence = bad_output(refused, folder, folder / "out.png", "--weights", weights)
    assert sentence.startswith(repr(str(weights)))
    assert says in sentence


def test_weights_that_are_not_there_are_named(refused, folder):
    missing = folder / "gone.safetensors"
    assert str(missing) in bad_output(refused, folder, folder / "out.png", "--weights", missing)
    assert "is a folder" in bad_output(refused, folder, folder / "out.png", "--weights", folder)
    assert "there is no weights file" in bad_output(refused, folder, folder / "out.png", "--weights", "n" * 5000)


def test_an_unknown_model_is_named_with_the_known(refused, folder):
    sentence = bad_output(refused, folder, folder / "out.png", "--model", "bass")
    assert sentence == "'bass' is neither a model (base, paper, small) nor a weights file; check the spelling"


def test_a_model_and_weights_together_are_refused(refused, folder, random_weights):
    sentence = bad_output(refused, folder, folder / "out.png", "--model", "base", "--weights", random_weights)
    assert sentence == "give --model or --weights, not both"


def test_too_little_memory_is_told(refused, folder, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Fuser, "fuse", exhausted)
    assert "not enough memory" in bad_output(refused, folder, folder / "out.png")


@pytest.mark.parametrize("name", ["bad\nname.png", "bad\x1b[31m.png"])
def test_a_strange_name_keeps_to_one_line(refused, folder, name):
    (folder / name).touch()
    sentence = refused(folder, "fuse", folder / name, folder / "over.png", "-o", folder / "out.png")
    assert sentence.isprintable()
    for arguments in ([folder / name, folder / name], [folder / "over.png", folder / name, "--overwrite"]):
        sentence = refused(folder, "fuse", *arguments, "-o", folder / name)
        assert sentence.isprintable()


# ---- What looks odd and is welcome -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_grey_palette_and_opaque_alpha_are_fused(lightfuse_program, folder, mode):
    Image.open(folder / "under.png").convert(mode).save(folder / "odd.png")
    assert lightfuse_program("fuse", folder / "odd.png", folder / "over.png", "-o", folder / "out.png").code == 0
    assert read_picture(folder / "out.png").pixels.shape == (160, 240, 3)


def test_a_picture_of_one_pixel_is_fused(lightfuse_program, tmp_path):
    for name, level in (("a", 30), ("b", 220)):
        (tmp_path / f"{name}.png").write_bytes(imagecodecs.png_encode(np.full((1, 1, 3), level, np.uint8)))
    assert lightfuse_program("fuse", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "c.png").code == 0
    assert read_picture(tmp_path / "c.png").pixels.shape == (1, 1, 3)
