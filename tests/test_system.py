"""Files written whole or not at all, and the sentences that say why they cannot be."""

import errno
import os
from pathlib import Path

import pytest
from builders.errors import close_disk

from lightfuse.errors import OutputError
from lightfuse.system import check_writable, display_name, usable_cores, write_atomically


def test_a_file_is_written_in_parts_and_nothing_else_is_left(tmp_path):
    write_atomically(tmp_path / "a", [b"one", memoryview(b"two")], overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert os.listdir(tmp_path) == ["a"]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    for check in (check_writable, lambda path, overwrite: write_atomically(path, [b"new"], overwrite=overwrite)):
        with pytest.raises(OutputError, match="a already exists; give --overwrite to replace it"):
            check(tmp_path / "a", overwrite=False)
    write_atomically(tmp_path / "a", [b"new"], overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_folder_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(OutputError, match="is a folder; give the file to write"):
        check_writable(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match=r"cannot be written: there is no folder .*; create it first"):
        check_writable(tmp_path / "no" / "a", overwrite=True)


def test_names_that_break_a_line_are_escaped():
    assert display_name("a b.png") == "a b.png"
    assert display_name("a\nb") == repr("a\nb")
    assert display_name("") == "''"


def test_there_is_a_core_to_use():
    assert 1 <= usable_cores() <= os.cpu_count()


def test_a_disk_that_closes_to_writing_meanwhile_is_reported(tmp_path, monkeypatch):
    """As a card that fails: what was written can be neither moved nor removed."""
    close_disk(monkeypatch, (os, "replace"), (Path, "unlink"))
    with pytest.raises(OutputError, match=f"a cannot be written: {os.strerror(errno.EROFS)}"):
        write_atomically(tmp_path / "a", [b"one"], overwrite=True)
