import subprocess
import sys

import lightfuse.evaluation


def test_every_public_name_is_there_and_the_list_is_sorted() -> None:
    names = lightfuse.evaluation.__all__
    assert [name for name in names if not hasattr(lightfuse.evaluation, name)] == []
    assert names == sorted(names)


def test_importing_it_loads_neither_opencv_nor_torch() -> None:
    program = "import sys, lightfuse.evaluation; print(sorted({'cv2', 'torch', 'scipy', 'skimage'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
