"""What is shipped and what is installed beside it: every licence is where it has to be."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THIRD_PARTY = (ROOT / "LICENSE-THIRD-PARTY").read_text(encoding="utf-8")


def words(text):
    return " ".join(text.split())


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_licence_of_what_is_compiled_in_is_shipped_word_for_word():
    pytest.importorskip("nanobind")
    files = [file for file in distribution("nanobind").files or [] if file.name.startswith("LICENSE")]
    assert files
    for file in files:
        conditions = words(file.locate().read_text(encoding="utf-8")).partition("Redistribution and use")[2]
        assert conditions.partition("You are under no obligation")[0].strip() in words(THIRD_PARTY)
    assert "robin-map (https://github.com/Tessil/robin-map)" in THIRD_PARTY


def test_licences_are_part_of_the_package():
    assert project()["license-files"] == ["LICENSE", "LICENSE-THIRD-PARTY"]


def test_no_source_file_belongs_to_others():
    """Code of others would bring its notice, which then has to be shipped."""
    notice = re.compile(rb"Copyright (\(c\)|\d{4})|SPDX-License-Identifier|All rights reserved", re.IGNORECASE)
    texts = [
        path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".c", ".h", ".hpp", ".cpp", ".js", ".css")
    ]
    assert texts
    assert [str(path) for path in texts if notice.search(path.read_bytes())] == []


def test_every_dependency_has_its_line_and_its_reason():
    described = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    wanted = [*project()["dependencies"], *(p for extra in project()["optional-dependencies"].values() for p in extra)]
    names = {re.split(r"[\[<>=~! ]", each)[0] for each in wanted} - {"lightfuse"}
    missing = [name for name in sorted(names) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", described)]
    assert missing == []


def test_the_lock_pins_every_dependency_of_the_tests_by_hash():
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^([a-z0-9][\w.-]*)==\S+((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", lock)
    pinned = {name for name, _ in entries}
    assert len(entries) == len(re.findall(r"(?m)^[a-z0-9]", lock))
    extras = project()["optional-dependencies"]
    wanted, asked = [*project()["dependencies"]], ["test"]
    while asked:
        for each in extras[asked.pop()]:
            if each.startswith("lightfuse["):
                asked += each[len("lightfuse[") : -1].split(",")
            else:
                wanted.append(each)
    names = {re.split(r"[\[<>=~! ]", each)[0].lower() for each in wanted}
    assert names - pinned == {"torch"}  # See the Makefile.
