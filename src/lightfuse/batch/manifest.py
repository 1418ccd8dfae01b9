"""The record of a batch, one JSON line a bracket, from which the next run resumes."""

import errno
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from lightfuse.errors import OutputError
from lightfuse.system import cannot_write, display_name, remove

MANIFEST_NAME = "lightfuse-manifest.jsonl"
STAGING_PREFIX = ".lightfuse-batch-"  # Of whatever a batch writes before it stands in its final place.
DONE, FAILED = "done", "failed"
_LONGEST_LINE = 1 << 24

Record = Mapping[str, Any]


class Manifest:
    """The records of one output folder, by output; in the file, the last record of an output counts.

    A record has the keys ``scene``; ``output``, relative to the manifest's folder; ``inputs``, each with ``path``
    (relative to the folder that was grouped), ``size`` (bytes) and ``mtime_ns``; ``status``, ``done`` or ``failed``;
    ``error``, a sentence or null; ``seconds``; ``megapixels`` of the result; ``fused``, names of the exposures that
    were fused; ``left_out``, those that were not, each with the reason; ``selection_cost``, the fraction of the
    picture that is well exposed only in these; ``notes``; ``options``, a digest of everything that shapes the pixels;
    ``set``, whether it got the one tone of a panorama or sequence; and ``files``, all files written, the result first,
    each with ``path``, like ``output``, and for a result that is done ``size`` and ``mtime_ns``; ``staging`` then names
    the folder beside it that they were moved from.

    Args:
        out: the folder results go to; it need not exist yet.
        source: the folder that was grouped.
    """

    def __init__(self, out: Path, source: Path) -> None:
        self.path = out / MANIFEST_NAME
        self._out, self._source = out, source
        self._records = {record["output"]: record for record in _read(self.path)}

    def knows(self, output: Path) -> bool:
        """Whether an earlier run has made this file."""
        return self._records.get(self._name(output), {}).get("status") == DONE

    def is_up_to_date(self, inputs: Sequence[Path], output: Path, digests: Collection[str]) -> bool:
        """Whether a result is done, from these inputs and options of one of the digests, and not touched since."""
        record = self._records.get(self._name(output), {})
        files = record.get("files", [])
        try:
            return (
                record.get("status") == DONE
                and record.get("options") in digests
                and record.get("inputs") == self.describe(inputs)
                and len(files) > 0
                and files == [_described(self._out / file["path"], self._out) for file in files]
            )
        except OSError:
            return False

    def describe(self, inputs: Sequence[Path]) -> list[dict[str, Any]]:
        """Inputs as a record holds them. Raises OSError where one is gone."""
        return [_described(path, self._source) for path in inputs]

    def open(self) -> None:
        """Create the folder, and rewrite the file with one record an output.

        Raises:
            OutputError: it cannot be written.
        """
        part = self.path.with_name(f"{STAGING_PREFIX}manifest.part")
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            part.write_bytes(b"".join(map(_line, self._records.values())))
            part.replace(self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from None
        finally:
            remove(part)

    def add(
        self, record: dict[str, Any], output: Path, extra_outputs: Sequence[Path] = (), staged: Path | None = None
    ) -> Record:
        """Append the record of one bracket, completed by size and time of the output and its extra outputs.

        Args:
            record: the other keys.
            output: the result's final place, below the manifest's folder.
            extra_outputs: the other files' final places.
            staged: the result before it is moved to its final place, with the other files beside it.

        Raises:
            OutputError: it cannot be written.
        """
        files = output, *extra_outputs
        try:
            if record["status"] == DONE:
                told = [_described(path, self._out, staged and staged.with_name(path.name)) for path in files]
            else:
                told = [{"path": self._name(path)} for path in files]
            whole = record | {"output": self._name(output), "files": told}
            _append(self.path, _line(whole | ({"staging": staged.parent.name} if staged else {})))
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self._records[whole["output"]] = whole
        return whole

    def outputs(self) -> list[Path]:
        """The results on record."""
        return [self._out / name for name in self._records]

    def staged(self) -> Iterator[tuple[Path, Path]]:
        """The final place of each file that is recorded as done, and where it was staged and may be still."""
        for record in self._records.values():
            folder = record.get("staging")
            if isinstance(folder, str) and folder.startswith(STAGING_PREFIX) and "/" not in folder:
                for file in record.get("files", []):
                    place = self._out / file["path"]
                    yield place, Path(os.path.realpath(place)).parent / folder / place.name

    def _name(self, output: Path) -> str:
        return output.relative_to(self._out).as_posix()


def results_below(folder: Path) -> frozenset[Path]:
    """The results, as real paths, that manifests at or below a folder list."""
    found = set()
    for place, _, names in os.walk(folder):
        if MANIFEST_NAME in names:
            for record in _read(Path(place) / MANIFEST_NAME):
                written = (record["output"], *(file["path"] for file in record.get("files", [])))
                found |= {Path(os.path.realpath(os.path.join(place, name))) for name in written}
    return frozenset(found)


def _read(path: Path) -> Iterator[Record]:
    """Records of a manifest; lines that are not records (torn by a crash, or written by others) are skipped."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OutputError(f"{display_name(path)} is not a regular file; move it away, or give another folder")
        with open(path, "rb") as file:
            lines = [line for line in file if len(line) <= _LONGEST_LINE]
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{display_name(path)} cannot be read: {error.strerror or error}") from None
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        files = record.get("files", []) if isinstance(record, dict) else None
        if isinstance(files, list) and all(isinstance(file, dict) for file in files):
            names = record.get("output"), *(file.get("path") for file in files)
            if all(map(_is_name, names)):
                yield record


def _is_name(name: Any) -> bool:
    """Whether a name is that of a file below the manifest's folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        return False
    try:
        path = PurePath(os.fsdecode(os.fsencode(name)))
    except UnicodeError:
        return False
    return not path.is_absolute() and ".." not in path.parts and path.name != ""


def _line(record: Record) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"  # Names that are not valid Unicode survive as escapes.


def _append(path: Path, line: bytes) -> None:
    """Append a line, or nothing where the disk has no room for all of it."""
    with open(path, "ab", buffering=0) as file:
        end = file.tell()
        if file.write(line) < len(line):
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _described(path: Path, folder: Path, place: Path | None = None) -> dict[str, Any]:
    """A file below a folder, as a record holds it; it may still lie in another place."""
    status = os.stat(place or path)
    return {"path": path.relative_to(folder).as_posix(), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
