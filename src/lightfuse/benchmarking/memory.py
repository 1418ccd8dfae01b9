"""How much memory a process has held at most."""

import re
import sys
from pathlib import Path


def peak_bytes(*, of_children: bool = False) -> int | None:
    """The largest resident size of this process so far, or of the largest of the programs it has run.

    The system starts a program's count at what the process that ran it held, so that process must be small for the
    second to be true. None where the system does not tell (Windows).
    """
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    if of_children:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return _own_peak() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _own_peak() -> int | None:
    """Linux: VmHWM, which starts at nothing, unlike ru_maxrss."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
