"""A batch that was killed: the same command finishes it; and folders that others hold or have spoilt."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from builders.photographs import write_brackets, write_plain

from lightfuse.batch.manifest import MANIFEST_NAME, Manifest, results_below
from lightfuse.batch.staging import lock_output, publish, resume, stage
from lightfuse.errors import OutputError

MODULE = [sys.executable, "-m", "lightfuse", "batch"]
PLAIN = ["--align", "off", "--deghost", "off"]


@pytest.fixture
def recorded(tmp_path):
    """A folder as a batch leaves it that is killed after it recorded a result and before it moved it."""
    out = tmp_path / "out"
    files = [out / "a.jpg", out / "a-compare.jpg"]
    manifest = Manifest(out, tmp_path)
    manifest.open()
    staged = stage(files[0])
    for path in files:
        staged.with_name(path.name).write_bytes(path.name.encode())
    record = {"scene": "a", "status": "done", "inputs": [], "options": "abc"}
    manifest.add(record, files[0], files[1:], staged=staged)
    return out, files, staged


def resumed(out, source):
    manifest = Manifest(out, source)
    with lock_output(out):
        resume(manifest, [])
        manifest.open()
    return Manifest(out, source)


def test_recorded_results_are_moved_to_their_places(tmp_path, recorded):
    out, files, _ = recorded
    manifest = resumed(out, tmp_path)
    assert [path.read_bytes() for path in files] == [b"a.jpg", b"a-compare.jpg"]
    assert manifest.is_up_to_date([], files[0], "abc")
    assert sorted(path.name for path in out.iterdir()) == ["a-compare.jpg", "a.jpg", MANIFEST_NAME]


def test_a_batch_killed_between_two_moves_is_resumed(tmp_path, recorded):
    out, files, staged = recorded
    publish(staged, files[:1], overwrite=False)
    assert resumed(out, tmp_path).is_up_to_date([], files[0], "abc")


def test_staged_results_without_a_record_are_removed(tmp_path, recorded):
    out, *_ = recorded
    (out / MANIFEST_NAME).unlink()
    resumed(out, tmp_path)
    assert [path.name for path in out.iterdir()] == [MANIFEST_NAME]


def test_a_file_of_someone_else_is_not_replaced_on_resuming(tmp_path, recorded):
    out, files, _ = recorded
    files[0].write_text("dear to someone")
    assert not resumed(out, tmp_path).is_up_to_date([], files[0], "abc")
    assert files[0].read_text() == "dear to someone"


def test_a_result_whose_extra_output_cannot_be_moved_is_not_published(tmp_path, recorded):
    _, files, staged = recorded
    files[1].write_text("dear to someone")
    with pytest.raises(FileExistsError):
        publish(staged, files, overwrite=False)
    assert not files[0].exists()


# ---- Two batches -----------------------------------------------------------------------------------------------------


def test_a_second_batch_into_one_folder_is_refused(tmp_path):
    with (
        lock_output(tmp_path / "out"),
        pytest.raises(OutputError, match=r"another batch is writing to .*out; wait for it to end, or give another -o"),
        lock_output(tmp_path / "out"),
    ):
        pass


def test_a_locked_folder_is_left_as_it_was(tmp_path):
    with lock_output(tmp_path / "out"):
        assert (tmp_path / "out").is_dir()
    assert list(tmp_path.iterdir()) == []


# ---- Manifests that others have written ------------------------------------------------------------------------------

HOSTILE = {
    "binary": bytes(range(256)) * 4,
    "deep": b"[" * 100_000,
    "not objects": b'1\n"x"\n[]\nnull\n',
    "output is a number": b'{"output": 1}',
    "output is empty": b'{"output": ""}',
    "output has a null byte": b'{"output": "a\\u0000b", "status": "done"}',
    "output is absolute": b'{"output": "/etc/passwd", "status": "done"}',
    "output is above": b'{"output": "../in/IMG_0001.jpg", "status": "done"}',
    "files are a number": b'{"output": "a.jpg", "files": 1}',
    "files are null": b'{"output": "a.jpg", "files": null}',
    "a file has no name": b'{"output": "a.jpg", "files": [{}]}',
    "a file is above": b'{"output": "a.jpg", "status": "done", "files": [{"path": "../in/IMG_0001.jpg"}]}',
    "keys are of other types": b'{"output": "IMG_0001_fused.jpg", "status": [], "inputs": 3, "files": [{"path": 1}]}',
    "staging is hostile": b'{"output": "a.jpg", "status": "done", "staging": "../in", "files": [{"path": "a.jpg"}]}',
    "a lone surrogate": b'{"output": "\\ud800", "status": "done"}',
    "infinity": b'{"output": "a.jpg", "status": "done", "files": [{"path": "a.jpg", "size": 1e999}]}',
    "torn": b'{"output": "IMG_0001_fused.jpg", "status": "do',
}


@pytest.mark.parametrize("place", ["out", "in"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_manifest_is_survived(tmp_path, place, content):
    exposure = tmp_path / "in" / "IMG_0001.jpg"
    write_plain(exposure)
    (tmp_path / "out").mkdir()
    (tmp_path / place / MANIFEST_NAME).write_bytes(content)
    assert exposure.resolve() not in results_below(tmp_path / place)
    manifest = resumed(tmp_path / "out", tmp_path / "in")
    assert not manifest.is_up_to_date([exposure], tmp_path / "out" / "IMG_0001_fused.jpg", "abc")
    assert exposure.exists()


def test_a_manifest_that_is_not_a_file_is_refused(tmp_path):
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(OutputError, match="is not a regular file; move it away"):
        Manifest(tmp_path, tmp_path)


# ---- Kills -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--compare", "--hdr", "jpg"]], ids=["plain", "extra outputs"])
def test_a_batch_killed_as_a_result_appears_is_finished_by_the_same_command(tmp_path, more):
    source, out = tmp_path / "in", tmp_path / "out"
    write_brackets(source, 5, evs=(-2, 2), size=(300, 200))
    command = [*MODULE, source, "-o", out, *PLAIN, *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as batch:
        while not any(out.glob("*_fused.jpg")) and batch.poll() is None:
            time.sleep(0.001)
        batch.send_signal(signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    assert before
    rerun = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (rerun.returncode, rerun.stderr) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(out.glob("*_fused.jpg"))) == 5
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []
    manifest = [json.loads(line) for line in (out / MANIFEST_NAME).read_text().splitlines()]
    assert {record["status"] for record in manifest} == {"done"}


def test_a_leftover_lock_file_does_not_lock(tmp_path):
    with lock_output(tmp_path):
        shutil.copy(tmp_path / ".lightfuse-batch.lock", tmp_path / "copy")
    (tmp_path / "copy").rename(tmp_path / ".lightfuse-batch.lock")
    with lock_output(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
