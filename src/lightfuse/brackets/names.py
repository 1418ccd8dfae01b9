"""The order of file names as people read them."""

import re


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``2`` before ``10``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
