"""``lightfuse batch``: a folder in, fused pictures and a manifest out."""

import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from builders.photographs import write_brackets, write_plain, write_shot

from lightfuse.batch import run as batch_run
from lightfuse.batch.work import fuse_job
from lightfuse.images import probe_picture

MODULE = [sys.executable, "-m", "lightfuse"]
MANIFEST = "lightfuse-manifest.jsonl"
PLAIN = ("--align", "off", "--deghost", "off")


@pytest.fixture
def holiday(tmp_path):
    """Three brackets of two exposures, one of them a folder further down."""
    folder = tmp_path / "holiday"
    write_brackets(folder, 2, evs=(-2, 2))
    write_brackets(folder / "day 2", 1, evs=(-2, 2))
    return folder


RESULTS = ["IMG_0001_fused.jpg", "IMG_0003_fused.jpg", "day 2/IMG_0001_fused.jpg"]


def results(out):
    return sorted(
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and path.name != MANIFEST
    )


def records(out):
    return {record["output"]: record for record in map(json.loads, (out / MANIFEST).read_text().splitlines())}


def batch(program, folder, out, *more):
    return program("batch", folder, "-o", out, *PLAIN, *more)


# ---- What is made ----------------------------------------------------------------------------------------------------


def test_every_bracket_is_fused_as_fuse_does_it(lightfuse_program, holiday, tmp_path, contents):
    before, out = contents(holiday), tmp_path / "new" / "out"
    ended = batch(lightfuse_program, holiday, out)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{out}: 3 brackets fused in ")
    assert len(ended.out.splitlines()) == 1
    assert results(out) == RESULTS
    assert contents(holiday) == before
    pair = holiday / "IMG_0003.jpg", holiday / "IMG_0004.jpg"
    lightfuse_program("fuse", *pair, "-o", tmp_path / "fused.jpg", *PLAIN)
    assert (out / "IMG_0003_fused.jpg").read_bytes() == (tmp_path / "fused.jpg").read_bytes()


def test_names_and_formats_are_chosen(lightfuse_program, holiday, tmp_path):
    batch(lightfuse_program, holiday, tmp_path / "out", "--name", "{first}+{count}", "--format", "png")
    assert results(tmp_path / "out") == ["IMG_0001+2.png", "IMG_0003+2.png", "day 2/IMG_0001+2.png"]
    assert probe_picture(tmp_path / "out" / "IMG_0001+2.png").format == "PNG"


def test_sheets_and_light_are_written_beside_each_result(lightfuse_program, holiday, tmp_path):
    out, more = tmp_path / "out", ("--compare", "--hdr", "jpg")
    assert batch(lightfuse_program, holiday, out, *more).code == 0
    beside = [Path(name).with_suffix("").as_posix() + end for name in RESULTS for end in ("-compare.jpg", "-hdr.jpg")]
    assert results(out) == sorted(RESULTS + beside)
    pair = holiday / "IMG_0003.jpg", holiday / "IMG_0004.jpg"
    lightfuse_program("fuse", *pair, "-o", tmp_path / "f.jpg", *PLAIN, "--compare", "--hdr", tmp_path / "g.jpg")
    assert (out / "IMG_0003_fused-compare.jpg").read_bytes() == (tmp_path / "f-compare.jpg").read_bytes()
    assert (out / "IMG_0003_fused-hdr.jpg").read_bytes() == (tmp_path / "g.jpg").read_bytes()


def test_what_is_beside_a_result_counts_when_running_again(lightfuse_program, holiday):
    out, more = holiday / "out", ("--compare", "--hdr", "jpg", "--quiet")
    assert batch(lightfuse_program, holiday, out, *more).code == 0
    assert batch(lightfuse_program, holiday, holiday / "new", "--dry-run").out.splitlines()[-1].startswith("3 brackets")
    before = (out / RESULTS[0]).stat().st_mtime_ns
    assert batch(lightfuse_program, holiday, out, *more).code == 0
    assert (out / RESULTS[0]).stat().st_mtime_ns == before
    sheet = out / "IMG_0001_fused-compare.jpg"
    sheet.unlink()
    assert "IMG_0001_fused.jpg was made from" in batch(lightfuse_program, holiday, out, *more).err
    assert batch(lightfuse_program, holiday, out, *more, "--overwrite").code == 0
    assert sheet.exists()
    assert (out / RESULTS[0]).stat().st_mtime_ns != before


def test_files_of_others_beside_a_result_are_not_replaced(lightfuse_program, holiday, tmp_path):
    sheet = tmp_path / "out" / "IMG_0001_fused-compare.jpg"
    sheet.parent.mkdir()
    sheet.write_bytes(b"mine")
    refused = batch(lightfuse_program, holiday, tmp_path / "out", "--compare")
    assert refused.code == 2
    assert f"{sheet} already exists" in refused.err
    assert batch(lightfuse_program, holiday, tmp_path / "out", "--compare", "--skip-existing").code == 0
    assert sheet.read_bytes() == b"mine"
    assert "IMG_0001_fused.jpg" not in results(tmp_path / "out")
    assert "IMG_0003_fused-compare.jpg" in results(tmp_path / "out")


def test_longer_brackets_are_fused_whole(lightfuse_program, tmp_path):
    write_brackets(tmp_path / "in", 2, evs=(0, -2, 2))
    ended = batch(lightfuse_program, tmp_path / "in", tmp_path / "out", "--json")
    assert ended.code == 0
    assert sorted(len(json.loads(line)["inputs"]) for line in ended.out.splitlines()) == [3, 3]


@pytest.mark.parametrize("by", [["--count", "2"], ["--pattern", "{scene}_{ev}"], ["--by", "folder"]])
def test_files_without_exif_are_sorted_as_asked(lightfuse_program, tmp_path, by):
    for name in ("hall_0.png", "hall_2.png"):
        write_plain(tmp_path / "in" / name, 20 if "0" in name else 200)
    assert batch(lightfuse_program, tmp_path / "in", tmp_path / "out", *by).code == 0
    assert len(results(tmp_path / "out")) == 1


def test_the_summary_says_what_was_decided_of_a_bracket(lightfuse_program, tmp_path):
    for name, level in (("hall_0.png", 20), ("hall_1.png", 90), ("hall_2.png", 200)):
        write_plain(tmp_path / "in" / name, level)
    out, more = tmp_path / "out", ("--count", "3", "--exposures", "extremes", "--overwrite")
    ended = batch(lightfuse_program, tmp_path / "in", out, *more)
    decided, summary = ended.out.splitlines()
    assert decided.startswith(f"{out / 'hall_0_fused.jpg'}: EXIF does not say")
    assert decided.endswith("; left out hall_1.png: it is not an extreme")
    assert summary.startswith(f"{out}: 1 bracket fused")
    assert ended.err == ""
    ended = batch(lightfuse_program, tmp_path / "in", tmp_path / "json", *more, "--json")
    record = json.loads(ended.out)
    assert record["left_out"] == {"hall_1.png": "it is not an extreme"}
    assert ended.err.splitlines()[0] == decided.replace(str(out), str(tmp_path / "json"))


def test_averaged_frames_are_not_left_out(lightfuse_program, tmp_path):
    for name, level in (("hall_0.png", 60), ("hall_1.png", 60), ("hall_2.png", 200)):
        write_plain(tmp_path / "in" / name, level)
    ended = batch(lightfuse_program, tmp_path / "in", tmp_path / "out", "--count", "3", "--json")
    assert json.loads(ended.out)["left_out"] == {}
    assert "have one exposure and were averaged" in ended.err


def test_json_is_one_record_a_result(lightfuse_program, holiday, tmp_path):
    out = tmp_path / "out"
    ended = batch(lightfuse_program, holiday, out, "--json", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    told = {record["output"]: record for record in map(json.loads, ended.out.splitlines())}
    assert told.keys() == {str(out / name) for name in RESULTS}
    first = told[str(out / RESULTS[0])]
    assert (first["status"], first["error"], first["scene"]) == ("done", None, "IMG_0001")
    assert first["inputs"] == [str(holiday / "IMG_0001.jpg"), str(holiday / "IMG_0002.jpg")]
    again = batch(lightfuse_program, holiday, out, "--json")
    assert [json.loads(line)["status"] for line in again.out.splitlines()] == ["unchanged"] * 3
    assert again.err == f"{out}: 0 brackets fused, 3 done before\n"


def test_quiet_prints_nothing(lightfuse_program, holiday, tmp_path):
    ended = batch(lightfuse_program, holiday, tmp_path / "out", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.slow
def test_progress_with_rate_and_time_left_is_shown_on_a_terminal_only(holiday, tmp_path):
    ours, theirs = pty.openpty()
    command = [*MODULE, "batch", holiday, "-o", tmp_path / "out", *PLAIN]
    running = subprocess.Popen(command, stdout=-1, stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    shown = ""
    with suppress(OSError):  # How a terminal ends on Linux.
        while part := os.read(ours, 1 << 16).decode():
            shown += part
    os.close(ours)
    told, _ = running.communicate()
    assert running.returncode == 0
    assert "3/3" in shown
    assert "megapixels/s" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)
    assert told.decode().startswith(f"{tmp_path / 'out'}: 3 brackets fused")


# ---- Before anything runs --------------------------------------------------------------------------------------------


def test_a_preview_is_drawn_and_nothing_fused(lightfuse_program, holiday, tmp_path, contents):
    before, sheet = contents(holiday), tmp_path / "sheets" / "preview.jpg"
    ended = lightfuse_program("batch", holiday, "-o", tmp_path / "out", "--preview", sheet)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("3 brackets of 2 exposures, sorted by exif; nothing was fused\n")
    assert probe_picture(sheet).format == "JPEG"
    assert contents(holiday) == before
    assert not (tmp_path / "out").exists()
    again = lightfuse_program("batch", holiday, "-o", tmp_path / "out", "--preview", sheet)
    assert again.code == 2
    assert f"{sheet} already exists" in again.err


def test_a_dry_run_prints_the_brackets_and_does_nothing(lightfuse_program, holiday, tmp_path, contents):
    write_shot(holiday / "IMG_0099.jpg", 0, 9000)
    before = contents(tmp_path)
    ended = lightfuse_program("batch", holiday, "-o", tmp_path / "out", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    out = tmp_path / "out"
    assert ended.out.splitlines() == [
        f"{out}/IMG_0001_fused.jpg: IMG_0001.jpg, IMG_0002.jpg",
        f"{out}/IMG_0003_fused.jpg: IMG_0003.jpg, IMG_0004.jpg",
        f"{out}/day 2/IMG_0001_fused.jpg: day 2/IMG_0001.jpg, day 2/IMG_0002.jpg",
        f"left out {holiday}/IMG_0099.jpg: there is no second exposure of its scene",
        "3 brackets of 2 exposures, sorted by exif, 1 picture left out; nothing was fused",
    ]
    told = lightfuse_program("batch", holiday, "-o", out, "--dry-run", "--json").out.splitlines()
    assert json.loads(told[0]) == {
        "scene": "IMG_0001",
        "output": f"{out}/IMG_0001_fused.jpg",
        "inputs": [f"{holiday}/IMG_0001.jpg", f"{holiday}/IMG_0002.jpg"],
        "by": "exif",
        "notes": [],
    }
    assert json.loads(told[3])["left_out"] == f"{holiday}/IMG_0099.jpg"
    assert len(told) == 4
    assert contents(tmp_path) == before


def test_two_brackets_of_one_name_are_refused_before_anything_runs(refused, holiday, tmp_path):
    sentence = refused(tmp_path, "batch", holiday, "-o", tmp_path / "out", "--name", "fused")
    assert sentence.startswith(f"two brackets would be written to {tmp_path / 'out' / 'fused.jpg'}, that of ")


def test_results_that_exist_are_refused_skipped_or_replaced(lightfuse_program, refused, holiday, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    dear = out / RESULTS[0]
    dear.write_text("dear to someone")
    sentence = refused(tmp_path, "batch", holiday, "-o", out)
    assert sentence == f"{dear} already exists; give --overwrite or --skip-existing"
    ended = batch(lightfuse_program, holiday, out, "--skip-existing")
    assert (ended.code, dear.read_text()) == (0, "dear to someone")
    assert "2 brackets fused, 1 skipped" in ended.out
    ended = batch(lightfuse_program, holiday, out, "--overwrite")
    assert "1 bracket fused, 2 done before" in ended.out
    assert dear.read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("gone", "gone is not a folder; give the folder that holds the pictures"),
        ("notes.txt", "notes.txt is not a folder"),
        ("empty", "empty holds no pictures to fuse"),
        ("lone", "lone holds no brackets: {}/lone/a.png: it is the only exposure in its folder; --dry-run lists all"),
        ("pile", "the 6 pictures in {}/pile carry no EXIF to tell brackets by; give --count N"),
    ],
)
def test_a_folder_without_brackets_is_refused(refused, tmp_path, folder, says):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    write_plain(tmp_path / "lone" / "a.png")
    for i in range(6):
        write_plain(tmp_path / "pile" / f"{i}.png")
    assert says.format(tmp_path) in refused(tmp_path, "batch", tmp_path / folder, "-o", tmp_path / "out")


def test_a_format_whose_extra_is_missing_is_refused_before_anything_is_fused(refused, holiday, tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.errors.find_spec", lambda _: None)
    for option in ("--format", "--hdr"):
        sentence = refused(tmp_path, "batch", holiday, "-o", tmp_path / "out", option, "jxl")
        assert sentence == "writing JPEG XL needs an extra: pip install 'lightfuse[jxl]'"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--format", "gif"], "'.gif' is not a picture suffix"),
        (["--name", "{title}"], "is not a template for file names"),
        (["--count", "2", "--by", "exif"], "give one way to sort"),
        (["--overwrite", "--skip-existing"], "give --overwrite or --skip-existing, not both"),
        (["--model", "bass"], "'bass' is neither a model"),
        (["--executor", "local"], "'local' is not an executor; give dask://HOST:PORT"),
    ],
)
def test_options_that_make_no_sense_are_refused(refused, holiday, tmp_path, more, says):
    assert says in refused(tmp_path, "batch", holiday, "-o", tmp_path / "out", *more)


def test_a_folder_closed_to_writing_is_told(refused, holiday, tmp_path, monkeypatch):
    """As the system tells of it: root, whom nothing stops, may be who runs this."""

    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", read_only)
    sentence = refused(tmp_path, "batch", holiday, "-o", tmp_path / "out")
    assert sentence == f"the folder {tmp_path / 'out'} cannot be made: Read-only file system"


def test_a_file_is_no_folder_for_results(refused, holiday, tmp_path):
    (tmp_path / "out").write_text("dear to someone")
    sentence = refused(tmp_path, "batch", holiday, "-o", tmp_path / "out")
    assert sentence == f"{tmp_path / 'out'} is not a folder; give another name"


# ---- Its own results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["fused", ".", "day 2", "a/b"])
def test_results_below_the_folder_are_not_taken_for_exposures(lightfuse_program, holiday, place):
    out = holiday / place
    if place == "day 2":
        shutil.rmtree(out)
    for ending in ("brackets fused in", "done before"):
        ended = batch(lightfuse_program, holiday, out)
        told = [line for line in ended.err.splitlines() if not line.endswith("it is the result of an earlier run")]
        assert (ended.code, ending in ended.out, told) == (0, True, []), ended
    count = 2 if place == "day 2" else 3
    assert len(records(out)) == count
    elsewhere = batch(lightfuse_program, holiday, holiday.parent / "elsewhere")
    assert f"{count} brackets fused" in elsewhere.out


def test_whatever_else_lies_in_the_output_folder_is_no_exposure(lightfuse_program, holiday):
    write_brackets(holiday / "fused" / "sheets", 1, evs=(-2, 2))
    ended = batch(lightfuse_program, holiday, holiday / "fused")
    assert (ended.code, ended.err) == (0, "")
    assert "3 brackets fused" in ended.out


# ---- What goes wrong -------------------------------------------------------------------------------------------------


def test_one_bad_file_spoils_one_bracket_and_a_rerun_mends_it(lightfuse_program, holiday, tmp_path):
    out, bad = tmp_path / "out", holiday / "IMG_0002.jpg"
    write_brackets(holiday, 2, evs=(-2, 2), size=(300, 200))
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-200])
    ended = batch(lightfuse_program, holiday, out)
    assert ended.code == 1
    assert ended.err.startswith(f"lightfuse: {out}/IMG_0001_fused.jpg was not made: {bad} is ")
    assert "2 brackets fused, 1 failed (IMG_0001_fused.jpg)" in ended.out
    assert results(out) == RESULTS[1:]
    assert {record["output"]: record["status"] for record in records(out).values()} == {
        RESULTS[0]: "failed",
        RESULTS[1]: "done",
        RESULTS[2]: "done",
    }
    assert str(bad) in records(out)[RESULTS[0]]["error"]

    bad.write_bytes(whole)
    times = {name: (out / name).stat().st_mtime_ns for name in RESULTS[1:]}
    ended = batch(lightfuse_program, holiday, out)
    assert (ended.code, ended.err) == (0, "")
    assert "1 bracket fused, 2 done before" in ended.out
    assert {name: (out / name).stat().st_mtime_ns for name in RESULTS[1:]} == times
    assert records(out)[RESULTS[0]]["status"] == "done"


def test_a_picture_whose_beginning_is_broken_is_named(lightfuse_program, holiday, tmp_path):
    (holiday / "IMG_0005.jpg").write_bytes(b"no picture")
    ended = batch(lightfuse_program, holiday, tmp_path / "out")
    assert ended.code == 1
    assert ended.err.startswith(f"lightfuse: {holiday}/IMG_0005.jpg: it is not a picture that can be read; give a JPEG")
    assert len(ended.err.splitlines()) == 1
    assert "3 brackets fused, 1 picture unreadable" in ended.out


def test_pictures_left_out_are_told(lightfuse_program, holiday, tmp_path):
    for i in range(7):
        write_shot(holiday / f"IMG_1{i}.jpg", 0, 9000 + 1000 * i)
    ended = batch(lightfuse_program, holiday, tmp_path / "out")
    assert ended.code == 0
    lines = ended.err.splitlines()
    assert lines[0] == f"lightfuse: left out {holiday}/IMG_10.jpg: there is no second exposure of its scene"
    assert lines[-1] == "lightfuse: left out 2 more; --dry-run lists all"


def test_frames_of_different_size_spoil_their_bracket(lightfuse_program, holiday, tmp_path):
    write_shot(holiday / "IMG_0002.jpg", 2, 0.5, size=(20, 10))
    ended = batch(lightfuse_program, holiday, tmp_path / "out")
    assert ended.code == 1
    assert "differ in size" in ended.err
    assert results(tmp_path / "out") == RESULTS[1:]


def test_a_disk_that_fills_up_is_told_and_leaves_no_debris(lightfuse_program, holiday, tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_space)
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: replace(a, b) if str(b).endswith(MANIFEST) else no_space())
    ended = batch(lightfuse_program, holiday, tmp_path / "out")
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 3
    assert all(line.endswith("cannot be written: No space left on device") for line in ended.err.splitlines())
    assert results(tmp_path / "out") == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.slow
def test_a_full_disk_behind_standard_output_ends_it_with_a_sentence(holiday, tmp_path):
    with open("/dev/full", "wb") as full:
        command = [*MODULE, "batch", holiday, "-o", tmp_path / "out", *PLAIN, "--json"]
        ended = subprocess.run(command, stdout=full, stderr=-1, check=False)
    assert ended.returncode == 2
    assert b"standard output cannot be written: No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert set(results(tmp_path / "out")) == records(tmp_path / "out").keys()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_an_interrupt_leaves_nothing_half_written_and_a_rerun_goes_on(lightfuse_program, tmp_path, monkeypatch, number):
    folder, out, begun = tmp_path / "in", tmp_path / "out", []
    write_brackets(folder, 12, evs=(-2, 2), size=(300, 200))

    def interrupted(*arguments, **more):
        begun.append(arguments)
        if len(begun) == 3:
            os.kill(os.getpid(), number)
            while signal.getsignal(number) != signal.SIG_IGN:  # Until the interrupt has come through.
                time.sleep(0.001)
            time.sleep(0.05)
        return fuse_job(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(batch_run, "fuse_job", interrupted)
        patch.setattr("lightfuse.batch.executors.WorkerPool", ThreadPoolExecutor)
        ended = batch(lightfuse_program, folder, out, "--jobs", "1")
    assert (ended.code, ended.out) == (130, "")
    summary, last = ended.err.splitlines()
    assert summary.startswith(f"{out}: 3 brackets fused, 9 not begun in ")
    assert summary.endswith("; run it again to go on")
    assert last == "lightfuse: interrupted; nothing half-written is left"
    made = results(out)
    assert len(made) == 3
    assert records(out).keys() == set(made)
    assert all(probe_picture(out / name).width == 300 for name in made)

    ended = batch(lightfuse_program, folder, out)
    assert ended.code == 0
    assert "9 brackets fused, 3 done before" in ended.out
    assert len(results(out)) == 12


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["two words", "it's", 'so "called"', "été 夜", "line\nbreak", "100%", "{brace}", "no text \udce9"]
)
def test_strange_names_are_served(lightfuse_program, tmp_path, name):
    folder, out = tmp_path / name, tmp_path / f"out {name}"
    try:
        write_brackets(folder / name, 1, evs=(-2, 2))
    except OSError:
        pytest.skip("this file system takes names of text only")
    for ending in ("1 bracket fused", "1 done before"):
        ended = batch(lightfuse_program, folder, out)
        assert (ended.code, ended.err) == (0, "")
        assert ending in ended.out
        assert len(ended.out.splitlines()) == 1
    assert results(out) == [f"{name}_fused.jpg"]
    told = lightfuse_program("batch", folder, "-o", out, "--dry-run", "--json").out.splitlines()
    assert json.loads(told[0])["scene"] == name


def test_links_in_circles_end(lightfuse_program, holiday, tmp_path):
    (holiday / "day 2" / "up").symlink_to(holiday)
    (holiday / "self").symlink_to("self")
    ended = batch(lightfuse_program, holiday, tmp_path / "out")
    assert (ended.code, ended.err) == (0, "")
    assert results(tmp_path / "out") == RESULTS
