"""High dynamic range: the merged exposures of a bracket, gain maps, and the files that hold them."""
