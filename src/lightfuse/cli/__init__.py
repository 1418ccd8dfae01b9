"""The command line: one file for the commands of a subject; commands parse and print, the rooms below do the work."""

import sys


def main() -> None:
    """Run the program and exit; an interrupt is reported in one line even while its modules are being imported."""
    try:
        from lightfuse.cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("lightfuse: interrupted; nothing half-written is left", file=sys.stderr)
        sys.exit(130)
