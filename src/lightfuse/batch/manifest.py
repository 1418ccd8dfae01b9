"""What a batch did, one JSON record a bracket, so that the next run goes on where it ended."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightfuse.errors import OutputError
from lightfuse.system import display_name

MANIFEST_NAME = "lightfuse-manifest.jsonl"
DONE, FAILED = "done", "failed"

Record = Mapping[str, Any]


class Manifest:
    """The records of one output folder, by output; in the file, the last record of an output counts.

    A record has the keys ``scene``; ``output``, relative to the manifest's folder; ``inputs``, each with ``path``
    (relative to the folder that was sorted), ``size`` (bytes) and ``mtime_ns``; ``status``, ``done`` or ``failed``;
    ``error``, a sentence or null; ``seconds``; ``megapixels`` of the result; ``notes``; ``options``, a digest of all
    that shapes the pixels; ``beside``, what else was written, each with ``output``, as above; and for a result that is
    done ``output_size`` and ``output_mtime_ns``, or ``size`` and ``mtime_ns`` of what is beside it.

    Args:
        out: the folder results go to; it need not exist yet.
        source: the folder that was sorted.
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
                and record.get("beside", []) == [self._described(self._out / name) for name in _beside(record)]
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
        """Make the folder, and the file anew with one record an output.

        Raises:
            OutputError: the disk refuses.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._rewrite()
        except OSError as error:
            raise self._refusal(error) from None

    def add(self, record: dict[str, Any], output: Path, beside: Sequence[Path] = ()) -> Record:
        """Append the record of one bracket, completed by what the output is like, and what was written beside it.

        Raises:
            OutputError: the disk refuses.
        """
        whole = record | {"output": self._name(output), "beside": [{"output": self._name(path)} for path in beside]}
        try:
            if whole["status"] == DONE:
                whole["output_size"], whole["output_mtime_ns"] = _size_and_time(output)
                whole["beside"] = [self._described(path) for path in beside]
            with open(self.path, "ab", buffering=0) as file:
                file.write(_line(whole))
        except OSError as error:
            raise self._refusal(error) from None
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

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(f"{display_name(self.path)} cannot be written: {error.strerror or error}")


def results_below(folder: Path) -> frozenset[Path]:
    """The results, as real paths, that manifests at or below a folder tell of."""
    found = set()
    for place, _, names in os.walk(folder):
        if MANIFEST_NAME in names:
            for record in _read(Path(place) / MANIFEST_NAME):
                written = (record["output"], *_beside(record))
                found |= {Path(os.path.realpath(os.path.join(place, name))) for name in written}
    return frozenset(found)


def _beside(record: Record) -> list[str]:
    return [each["output"] for each in record.get("beside", [])]


def _read(path: Path) -> Iterator[Record]:
    """Records of a manifest; lines that are none (cut short by a crash) are passed over."""
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
    return json.dumps(record).encode("ascii") + b"\n"  # Names that are no text survive as escapes.


def _size_and_time(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
