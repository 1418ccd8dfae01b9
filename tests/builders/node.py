"""What the tests of the page's modules share: Node, and pictures as browsers have them."""

import shutil
import subprocess

import numpy as np
import pytest

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


def run_node(*arguments):
    return subprocess.run(["node", *map(str, arguments)], capture_output=True, text=True, check=False)


def rgba(picture):
    return np.dstack([picture, np.full(picture.shape[:2], 77, np.uint8)])  # Any alpha will do.
