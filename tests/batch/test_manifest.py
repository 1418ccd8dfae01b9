"""The manifest of a batch: records kept, damage tolerated."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from builders.errors import close_disk

from lightfuse.batch.manifest import MANIFEST_NAME, Manifest, results_below
from lightfuse.errors import OutputError


def failed(scene="x"):
    return {"scene": scene, "status": "failed", "error": "why", "inputs": [], "options": "abc"}


def lines(out):
    return [json.loads(line) for line in (out / MANIFEST_NAME).read_text().splitlines()]


def test_the_last_record_of_an_output_counts_and_the_next_run_keeps_only_that(tmp_path):
    manifest = Manifest(tmp_path, tmp_path)
    manifest.open()
    for scene in ("first", "second"):
        manifest.add(failed(scene), tmp_path / "a.jpg")
    manifest.add(failed("other"), tmp_path / "sub" / "b.jpg")
    assert [record["scene"] for record in lines(tmp_path)] == ["first", "second", "other"]
    Manifest(tmp_path, tmp_path).open()
    assert [(r["scene"], r["output"]) for r in lines(tmp_path)] == [("second", "a.jpg"), ("other", "sub/b.jpg")]
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_a_torn_line_is_skipped(tmp_path):
    whole = json.dumps({"output": "a.jpg", "status": "failed"})
    (tmp_path / MANIFEST_NAME).write_text(f'{whole}\n[1]\n{{"x": 1}}\n\udcff\n{whole[:-5]}', errors="surrogateescape")
    Manifest(tmp_path, tmp_path).open()
    assert lines(tmp_path) == [json.loads(whole)]


def test_names_that_are_not_unicode_survive(tmp_path):
    name = os.fsdecode(b"caf\xe9\n\"'.jpg")
    try:
        (tmp_path / name).write_bytes(b"fused")
    except OSError:
        pytest.skip("this file system takes names of text only")
    manifest = Manifest(tmp_path, tmp_path)
    manifest.open()
    inputs = manifest.describe([tmp_path / name])
    manifest.add(failed() | {"status": "done", "inputs": inputs}, tmp_path / name)
    assert len((tmp_path / MANIFEST_NAME).read_bytes().splitlines()) == 1
    assert Manifest(tmp_path, tmp_path).is_up_to_date([tmp_path / name], tmp_path / name, "abc")


def test_results_of_all_manifests_below_a_folder_are_known(tmp_path):
    for place in (tmp_path, tmp_path / "old"):
        manifest = Manifest(place, tmp_path)
        manifest.open()
        manifest.add(failed(), place / "x" / "a.jpg")
    assert results_below(tmp_path) == {tmp_path / "x" / "a.jpg", tmp_path / "old" / "x" / "a.jpg"}
    assert results_below(tmp_path / "nowhere") == frozenset()


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"lightfuse-manifest\.jsonl cannot be (read|written): Not a directory"):
        Manifest(tmp_path / "out" / "more", tmp_path).open()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_failing_disk_is_reported_and_no_temporary_file_stays(tmp_path, monkeypatch, code):
    def refuse(path, _data):
        open(path, "xb").close()
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError, match=f"cannot be written: {os.strerror(code)}"):
        Manifest(tmp_path, tmp_path).open()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_closed_to_writing_is_reported(tmp_path, monkeypatch):
    """There, removing even what does not exist is refused."""
    close_disk(monkeypatch, (Path, "write_bytes"), (Path, "unlink"))
    with pytest.raises(OutputError, match=f"cannot be written: {os.strerror(errno.EROFS)}"):
        Manifest(tmp_path, tmp_path).open()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_record_that_the_disk_has_no_room_for_is_not_half_written(tmp_path):
    """A write that finds room for a part of its bytes reports no error."""
    import resource

    manifest = Manifest(tmp_path, tmp_path)
    manifest.open()
    manifest.add(failed(), tmp_path / "a.jpg")
    before = manifest.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
            manifest.add(failed(), tmp_path / "b.jpg")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert manifest.path.read_bytes() == before
