"""Tools of the project that do not ship: synthetic scenes, the golden maker, the web build."""
