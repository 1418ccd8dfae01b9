"""What the room offers, and that asking for it stays cheap."""

import subprocess
import sys

from lightfuse import images


def test_public_names_exist_once():
    assert sorted(images.__all__) == sorted(set(images.__all__))
    assert all(hasattr(images, name) for name in images.__all__)


def test_import_loads_no_decoder():
    code = "import sys, lightfuse.images; print({'imagecodecs', 'tifffile', 'PIL', 'cv2', 'torch'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "set()"
