"""Faults of disk and clock: a library put before the system, and commands run again and again under it."""
