"""A folder sorted into brackets: by EXIF, by number, by name or by folder."""

from lightfuse.brackets.grouping.group import METHODS, Grouping, GroupSettings, group_folder
from lightfuse.brackets.grouping.shots import LeftOut, Shot, SortedBracket

__all__ = ["METHODS", "GroupSettings", "Grouping", "LeftOut", "Shot", "SortedBracket", "group_folder"]
