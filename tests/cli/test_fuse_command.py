"""``lightfuse fuse`` and the program around it: what it writes, prints and exits with."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lightfuse.fuser import Fuser
from lightfuse.images import read_picture

PROGRAM = Path(sys.executable).with_name("lightfuse")
MODULE = [sys.executable, "-m", "lightfuse"]


def run(*arguments, **options):
    """The program in a process of its own."""
    options = {"capture_output": True, "check": False} | options
    return subprocess.run([*MODULE, *map(str, arguments)], **options)


# ---- Files in, a file out ---------------------------------------------------------------------------------------


def test_a_fused_file_holds_the_fused_pixels(lightfuse_program, folder, pair):
    ended = lightfuse_program("fuse", folder / "under.png", folder / "over.png", "-o", folder / "out.png")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{folder / 'out.png'}: 240×160 ")
    assert "fused by base in" in ended.out
    assert len(ended.out.splitlines()) == 1
    assert np.array_equal(read_picture(folder / "out.png").pixels, Fuser()(*pair))


def test_nothing_but_the_output_appears(lightfuse_program, folder, contents):
    before = contents(folder)
    lightfuse_program("fuse", folder / "under.jpg", folder / "over.jpg", "-o", folder / "out.jpg")
    after = contents(folder)
    assert after.pop("out.jpg")
    assert after == before


def test_json_is_one_record(lightfuse_program, folder):
    under, over, out = (str(folder / name) for name in ("under.jpg", "over.jpg", "夜.jpg"))
    ended = lightfuse_program("fuse", over, under, "-o", out, "--json")
    assert (ended.code, ended.err) == (0, "")
    record = json.loads(ended.out)
    assert len(ended.out.splitlines()) == 1
    seconds = record.pop("seconds")
    assert all(seconds[part] >= 0 for part in ("read", "fuse", "write"))
    assert record == {
        "output": out,
        "extra_outputs": [],
        "exposures": [under, over],
        "fused": [under, over],
        "width": 240,
        "height": 160,
        "model": "base",
        "notes": [],
        "left_out": {},
        "selection_cost": 0.0,
    }


def test_quiet_prints_nothing(lightfuse_program, folder):
    ended = lightfuse_program("fuse", folder / "under.jpg", folder / "over.jpg", "-o", folder / "out.jpg", "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert (folder / "out.jpg").exists()


def test_quiet_json_still_prints_its_record(lightfuse_program, folder):
    inputs = folder / "under.jpg", folder / "over.jpg"
    ended = lightfuse_program("fuse", *inputs, "-o", folder / "out.jpg", "--quiet", "--json")
    assert json.loads(ended.out)["width"] == 240


def test_notes_go_to_standard_error(lightfuse_program, folder):
    data = (folder / "under.jpg").read_bytes()
    broken = b"Exif\0\0II*\0not EXIF"
    marker = b"\xff\xe1" + (len(broken) + 2).to_bytes(2, "big") + broken
    (folder / "under.jpg").write_bytes(data[:2] + marker + data[2:])
    ended = lightfuse_program("fuse", folder / "under.jpg", folder / "over.jpg", "-o", folder / "out.jpg")
    assert ended.code == 0
    assert ended.err == f"lightfuse: note: {folder / 'under.jpg'}: its EXIF is corrupt and was left out\n"
    assert "EXIF" not in ended.out


def test_overwrite_replaces_the_output_only(lightfuse_program, folder, contents, pair):
    (folder / "out.png").write_text("old")
    before = contents(folder)
    ended = lightfuse_program(
        "fuse", folder / "under.png", folder / "over.png", "-o", folder / "out.png", "--overwrite"
    )
    assert ended.code == 0
    after = contents(folder)
    assert np.array_equal(read_picture(after.pop("out.png")).pixels, Fuser()(*pair))
    del before["out.png"]
    assert after == before


def test_weights_of_ones_own_are_used(lightfuse_program, folder, pair, random_weights):
    inputs = folder / "under.png", folder / "over.png"
    ended = lightfuse_program("fuse", *inputs, "-o", folder / "out.png", "--weights", random_weights)
    assert ended.code == 0
    assert np.array_equal(read_picture(folder / "out.png").pixels, Fuser(random_weights)(*pair))


def test_threads_do_not_change_the_file(lightfuse_program, folder):
    for threads in (1, 3):
        out = folder / f"{threads}.jpg"
        inputs = folder / "under.jpg", folder / "over.jpg"
        assert lightfuse_program("fuse", *inputs, "-o", out, "--threads", threads).code == 0
    assert (folder / "1.jpg").read_bytes() == (folder / "3.jpg").read_bytes()


@pytest.mark.parametrize(
    "name", ["two words", "it's", 'so "called"', "été 夜", "-dash", "line\nbreak", "100%", "a;b|c&d", "*[?]"]
)
def test_strange_file_names_work(lightfuse_program, folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    Path(f"{name} under.png").write_bytes(Path("under.png").read_bytes())
    ended = lightfuse_program("fuse", "-o", f"./{name} out.png", "--", f"{name} under.png", "over.png")
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out.splitlines()) == 1
    assert Path(f"{name} out.png").is_file()


@pytest.mark.slow
def test_a_name_that_is_no_text_works_and_prints(folder):
    name = os.fsencode(folder) + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(name)).write_bytes((folder / "under.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes names of text only")
    out = os.fsencode(folder) + b"/out\xe9.png"
    for more in ([], ["--json", "--overwrite"]):
        ended = subprocess.run(
            [*MODULE, "fuse", name, folder / "over.png", "-o", out, *more], capture_output=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
    assert os.fsencode(json.loads(ended.stdout)["output"]) == out


@pytest.mark.slow
def test_a_terminal_without_unicode_is_served(folder):
    ended = run(
        "fuse",
        folder / "under.png",
        folder / "over.png",
        "-o",
        folder / "out.png",
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"fused by base" in ended.stdout


# ---- Pipes ----------------------------------------------------------------------------------------------------------


def test_a_picture_comes_from_and_goes_to_a_pipe(folder, pair):
    with open(folder / "under.png", "rb") as under:
        ended = run("fuse", "-", folder / "over.png", "-o", "-", stdin=under)
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"\x89PNG")
    assert np.array_equal(read_picture(ended.stdout).pixels, Fuser()(*pair))
    assert ended.stderr.decode().startswith("standard output: 240×160 ")


@pytest.mark.parametrize(("name", "start"), [("jpg", b"\xff\xd8"), (".tif", b"II*")])
@pytest.mark.slow
def test_the_format_on_a_pipe_can_be_chosen(folder, name, start):
    ended = run("fuse", folder / "under.jpg", folder / "over.jpg", "-o", "-", "--format", name, "--quiet")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(start)


def test_an_empty_pipe_is_refused(folder, contents):
    before = contents(folder)
    ended = run("fuse", folder / "under.png", "-", "-o", folder / "out.png", stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.decode().splitlines() == ["lightfuse: standard input is empty"]
    assert contents(folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("output", ["-", "out.png"])
@pytest.mark.slow
def test_a_full_disk_behind_standard_output_is_told(folder, output):
    with open("/dev/full", "wb") as full:
        ended = run(
            "fuse", "under.png", "over.png", "-o", output, stdout=full, stderr=-1, capture_output=False, cwd=folder
        )
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines()[-1] == (
        "lightfuse: standard output cannot be written: No space left on device"
    )
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_reader_who_left_is_no_trouble(folder):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        arguments = ["fuse", "under.png", "over.png", "-o", "out.png"]
        ended = run(*arguments, stdout=writing, stderr=-1, capture_output=False, cwd=folder)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (folder / "out.png").exists()


# ---- Interruption ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
@pytest.mark.parametrize(("number", "place"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
@pytest.mark.slow
def test_an_interrupt_while_waiting_for_a_picture_ends_the_wait(folder, contents, number, place):
    pipe = folder / "pipe.png"
    os.mkfifo(pipe)
    before = contents(folder)
    inputs = [folder / "over.png", folder / "over.png"]
    inputs[place] = pipe
    arguments = [*MODULE, "fuse", *inputs, "-o", folder / "out.png"]
    with subprocess.Popen(arguments, stdout=-1, stderr=-1) as process, open(pipe, "wb"):  # Open once it reads.
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == 130
    assert (out, err.decode()) == (b"", "lightfuse: interrupted; nothing half-written is left\n")
    assert contents(folder) == before


@pytest.mark.parametrize("moment", ["link", "replace"])
def test_an_interrupt_while_writing_leaves_nothing(lightfuse_program, folder, contents, monkeypatch, moment):
    """Once the temporary file is there and before it moves: the worst moment."""
    reached = []

    def interrupt(part, _target):
        reached.append(Path(part).stat().st_size)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, moment, interrupt)
    (folder / "out.png").write_text("old")
    name, more = ("new.png", []) if moment == "link" else ("out.png", ["--overwrite"])
    before = contents(folder)
    ended = lightfuse_program("fuse", folder / "under.png", folder / "over.png", "-o", folder / name, *more)
    assert reached[0] > 1000
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "lightfuse: interrupted; nothing half-written is left\n"
    assert contents(folder) == before


def test_a_second_interrupt_does_not_stop_the_cleaning_up(lightfuse_program, folder, contents, monkeypatch):
    unlink = Path.unlink

    def impatient(*arguments):
        signal.raise_signal(signal.SIGINT)

    def unlink_interrupted(path, missing_ok=False):
        signal.raise_signal(signal.SIGINT)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(os, "link", impatient)
    monkeypatch.setattr(Path, "unlink", unlink_interrupted)
    before = contents(folder)
    ended = lightfuse_program("fuse", folder / "under.png", folder / "over.png", "-o", folder / "out.png")
    assert ended.code == 130
    assert contents(folder) == before


# ---- The program ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "fuse"]])
def test_version(lightfuse_program, arguments):
    ended = lightfuse_program(*arguments)
    assert (ended.code, ended.err) == (0, "")
    name, version = ended.out.split()
    assert name == "lightfuse"
    assert version[0].isdigit()


@pytest.mark.skipif(not PROGRAM.exists(), reason="lightfuse is not installed as a script")
def test_the_installed_program_and_the_module_are_one():
    script = subprocess.run([PROGRAM, "--version"], capture_output=True, check=True)
    assert script.stdout == run("--version").stdout


@pytest.mark.parametrize("command", ["fuse", "demo", "evaluate", "prepare", "train", "import-keras"])
def test_help_has_an_example(lightfuse_program, command):
    ended = lightfuse_program(command, "--help")
    assert ended.code == 0
    assert f"Example: lightfuse {command} " in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["fuse", "a.png", "b.png"],
        ["fuse", "a.png", "b.png", "-o", "c.png", "--nope"],
        ["fuse", "a.png", "b.png", "-o", "c.jpg", "--quality", "101"],
        ["fuse", "a.png", "b.png", "-o", "c.jpg", "--threads", "0"],
        ["fuse", "a.png", "b.png", "-o", "c.jpg", "--threads", "99999999999999"],
        ["fuse", "a.png", "b.png", "-o", "c.jpg", "--max-pixels", "many"],
        ["foose"],
    ],
)
def test_wrong_usage_exits_with_2(lightfuse_program, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    ended = lightfuse_program(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert "Usage: " in ended.err
    assert not list(tmp_path.iterdir())


def test_pictures_whose_names_begin_with_a_minus_are_given_after_two(lightfuse_program, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "under.jpg").rename("-2EV.jpg")
    (folder / "over.jpg").rename("+2EV.jpg")
    ended = lightfuse_program("fuse", "-2EV.jpg", "+2EV.jpg", "-o", "out.jpg")
    assert ended.code == 2
    assert ended.err == (
        "lightfuse: '-2EV.jpg' would be taken for options; give pictures whose names begin with '-' last, after --\n"
    )
    assert lightfuse_program("fuse", "-o", "out.jpg", "--", "-2EV.jpg", "+2EV.jpg").code == 0


def test_pictures_without_a_command_and_a_folder_are_refused_with_the_command_to_give(refused, folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert refused(folder, "under.jpg", "over.jpg", "-o", "out.jpg") == (
        "'under.jpg' is no command; to fuse pictures: lightfuse fuse UNDER OVER -o OUT"
    )
    (folder / "holiday").mkdir()
    assert refused(folder, "fuse", "holiday", "-o", "out.jpg") == (
        "holiday is a folder; fuse the brackets in it by 'lightfuse batch'"
    )
