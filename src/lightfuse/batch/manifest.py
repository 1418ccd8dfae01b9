"""The record of a batch, one JSON line a bracket, from which the next run resumes."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightfuse.errors import OutputError
from lightfuse.system import cannot_write, display_name

MANIFEST_NAME = "lightfuse-manifest.jsonl"
DONE, FAILED = "done", "failed"

Record = Mapping[str, Any]


class Manifest:
    """The records of one output folder, by output; in the file, the last record of an output counts.

    A record has the keys ``scene``; ``output``, relative to the manifest's folder; ``inputs``, each with ``path``
    (relative to the folder that was grouped), ``size`` (bytes) and ``mtime_ns``; ``status``, ``done`` or ``failed``;
    ``error``, a sentence or null; ``seconds``; ``megapixels`` of the result; ``notes``; ``options``, a digest of
    everything that shapes the pixels; ``extra_outputs``, the other files written, each with ``output``, as above; and
    for a result that is done ``output_size`` and ``output_mtime_ns``, or ``size`` and ``mtime_ns`` of extra outputs.

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

    def is_up_to_date(self, inputs: Sequence[Path], output: Path, digest: str) -> bool:
        """Whether a result is done, from these very inputs and options, and has not been touched since."""
        record = self._records.get(self._name(output), {})
        try:
            return (
                record.get("status") == DONE
                and record.get("options") == digest
                and record.get("inputs") == self.describe(inputs)
                and (record.get("output_size"), record.get("output_mtime_ns")) == _size_and_time(output)
                and record.get("extra_outputs", []) == [self._described(self._out / n) for n in _extra_outputs(record)]
            )
        except OSError:
            return False

    def describe(self, inputs: Sequence[Path]) -> list[dict[str, Any]]:
        """Inputs as a record holds them. Raises OSError where one is gone."""
        described = []
        for path in inputs:
            size, time = _size_and_time(path)
            described.append({"path": path.relative_to(self._source).as_posix(), "size": size, "mtime_ns": time})
        return described

    def open(self) -> None:
        """Create the folder, and rewrite the file with one record an output.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._rewrite()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def add(self, record: dict[str, Any], output: Path, extra_outputs: Sequence[Path] = ()) -> Record:
        """Append the record of one bracket, completed by size and time of the output and its extra outputs.

        Raises:
            OutputError: it cannot be written.
        """
        extra = [{"output": self._name(path)} for path in extra_outputs]
        whole = record | {"output": self._name(output), "extra_outputs": extra}
        try:
            if whole["status"] == DONE:
                whole["output_size"], whole["output_mtime_ns"] = _size_and_time(output)
                whole["extra_outputs"] = [self._described(path) for path in extra_outputs]
            with open(self.path, "ab", buffering=0) as file:
                file.write(_line(whole))
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self._records[whole["output"]] = whole
        return whole

    def _rewrite(self) -> None:
        part = self.path.with_name(f".lightfuse-{secrets.token_hex(8)}.part")
        try:
            part.write_bytes(b"".join(map(_line, self._records.values())))
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)

    def _described(self, output: Path) -> dict[str, Any]:
        size, time = _size_and_time(output)
        return {"output": self._name(output), "size": size, "mtime_ns": time}

    def _name(self, output: Path) -> str:
        return output.relative_to(self._out).as_posix()


def results_below(folder: Path) -> frozenset[Path]:
    """The results, as real paths, that manifests at or below a folder list."""
    found = set()
    for place, _, names in os.walk(folder):
        if MANIFEST_NAME in names:
            for record in _read(Path(place) / MANIFEST_NAME):
                written = (record["output"], *_extra_outputs(record))
                found |= {Path(os.path.realpath(os.path.join(place, name))) for name in written}
    return frozenset(found)


def _extra_outputs(record: Record) -> list[str]:
    return [each["output"] for each in record.get("extra_outputs", [])]


def _read(path: Path) -> Iterator[Record]:
    """Records of a manifest; lines that are not records (torn by a crash) are skipped."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{display_name(path)} cannot be read: {error.strerror or error}") from None
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("output"), str):
            yield record


def _line(record: Record) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"  # Names that are not valid Unicode survive as escapes.


def _size_and_time(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
