"""Brackets by name: pictures whose names say the same scene."""

import re
from collections.abc import Iterable
from pathlib import Path

from lightfuse.brackets.grouping.shots import LeftOut, Shot, SortedBracket
from lightfuse.errors import DataError

_SCENE = "scene"
_FIELDS = {
    _SCENE: "(?P<scene>.+?)",
    "ev": r"[+-]?[^\W_]+(?:[.,]\d+)?",  # -2, +0.7, 0ev, under
    "n": r"\d+",
}
_ANY = "[^/]*?"


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a template such as ``{scene}_{ev}``, or a regular expression with a group named ``scene``.

    A template's fields are ``{scene}`` (any text), ``{ev}`` (a number with or without sign, or a word), ``{n}``
    (digits); any other name stands for any text.

    Raises:
        DataError: it names no scene, names it twice, or is no regular expression.
    """
    is_template = "{scene}" in pattern
    try:
        compiled = re.compile(_from_template(pattern) if is_template else pattern)
    except re.error as error:
        raise DataError(f"the pattern {pattern!r} is no regular expression: {error}") from None
    if _SCENE not in compiled.groupindex:
        raise DataError(
            f"the pattern {pattern!r} does not say which part is the scene; "
            "give a template with {scene}, such as '{scene}_{ev}', or a regular expression with (?P<scene>...)"
        )
    return compiled


def group_by_name(
    folder: Path, paths: Iterable[Path], pattern: re.Pattern[str]
) -> tuple[list[SortedBracket], list[LeftOut]]:
    """Group pictures by what ``pattern`` finds to be their scene; it must match all of a name without its suffix.

    A pattern with a slash in it is matched against the path below ``folder``, so that one scene's exposures may lie in
    different folders (``{ev}/{scene}``); any other only joins pictures of one folder.

    Raises:
        DataError: no name matches.
    """
    across = "/" in pattern.pattern
    scenes: dict[tuple[Path, str], list[Shot]] = {}
    left_out, named = [], 0
    for path in paths:
        below = path.relative_to(folder)
        match = pattern.fullmatch(below.with_suffix("").as_posix() if across else path.stem)
        if match is None or not match[_SCENE]:
            left_out.append(LeftOut(path, f"its name does not match {pattern.pattern!r}"))
            continue
        named += 1
        scenes.setdefault((Path() if across else below.parent, match[_SCENE]), []).append(Shot(path))
    if not named:
        example = next(iter(left_out)).path.stem if left_out else ""
        raise DataError(f"no picture's name matches the pattern {pattern.pattern!r}; a name here is {example!r}")
    brackets = []
    for (place, scene), shots in scenes.items():
        if len(shots) >= 2:
            brackets.append(SortedBracket(scene, place, tuple(shots)))
        else:
            left_out.append(LeftOut(shots[0].path, f"it is the only exposure of scene {scene!r}"))
    return brackets, left_out


def _from_template(template: str) -> str:
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(_FIELDS.get(part, _ANY) if i % 2 else re.escape(part) for i, part in enumerate(parts))
