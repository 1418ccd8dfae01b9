"""Models for other places: C, ONNX, LiteRT. Each exporter gives files by name; the command writes them."""
