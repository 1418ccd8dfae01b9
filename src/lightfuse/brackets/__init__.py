"""Brackets: the exposures of one scene, found in folders, ordered from dark to bright, and selected for fusing."""
