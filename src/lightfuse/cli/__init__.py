"""The command line: one small file a command; commands parse and print, the rooms below do the work."""

from lightfuse.cli.app import main

__all__ = ["main"]
