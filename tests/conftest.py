"""What the tests of fusing share: one small sample pair, as arrays and as files, weights, and the program itself."""

import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import pytest
import tifffile
from builders.weights import make_weights
from PIL import Image

from lightfuse.cli.app import main
from lightfuse.models import save_weights
from tools.synthetic import sample_pair

HERE = Path(__file__).parent
# They run compilers, emulators, a browser, engines, a cluster, a whole training, or render scenes.
SLOW = {
    HERE / name for name in ("examples", "export", "tools", "web", "batch/test_dask.py", "test_fuser_properties.py")
}


def pytest_ignore_collect(collection_path, config):
    """Leaves slow folders and files unread where slow tests are left out: what they import takes seconds."""
    return True if collection_path in SLOW and config.option.markexpr == "not slow" else None


def pytest_collection_modifyitems(items):
    """Marks the tests of whole folders and files as slow."""
    for item in items:
        if SLOW.intersection((item.path, *item.path.parents)):
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Fails a test in which an internet socket is connected or bound, unless it is marked `network`."""
    if request.node.get_closest_marker("network"):
        return

    def guarded(method):
        original = getattr(socket.socket, method)

        def call(self, *arguments):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                pytest.fail(f"socket.{method}{arguments} in a test that is not marked `network`")
            return original(self, *arguments)

        return call

    for method in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, method, guarded(method))


@pytest.fixture(scope="session")
def pair():
    """Under and over, 240 × 160, 8 bits."""
    return sample_pair(240, 160)


@pytest.fixture(scope="session")
def pair16():
    """Under and over, 240 × 160, 16 bits."""
    return sample_pair(240, 160, bits=16)


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory, pair, pair16):
    folder = tmp_path_factory.mktemp("samples")
    for name, pixels, pixels16 in zip(("under", "over"), pair, pair16, strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=95)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        (folder / f"{name}16.png").write_bytes(imagecodecs.png_encode(pixels16))
        tifffile.imwrite(folder / f"{name}16.tif", pixels16, photometric="rgb")
    return folder


@pytest.fixture
def folder(tmp_path, sample_files):
    """A folder of one's own with under and over as .jpg, .png (8 bits), 16.png and 16.tif (16 bits)."""
    return Path(shutil.copytree(sample_files, tmp_path / "pictures"))


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    """The path of a valid weights file of `paper` that no training made."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, make_weights())
    return path


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Runs a program in this process, given entry point, name and arguments; returns exit code, output and errors."""

    def run(entry, name, *arguments):
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                entry()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def lightfuse_program(run_here):
    """The program, run in this process: call it with its arguments."""

    def run(*arguments):
        code, out, err = run_here(main, "lightfuse", *arguments)
        return Ended(code or 0, out, err)

    return run


@pytest.fixture
def contents():
    """Everything below a folder, by path: a file's bytes, a link's target, None for a folder."""

    def read(folder):
        found = {}
        for path in sorted(folder.rglob("*")):
            content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(folder))] = content
        return found

    return read


@pytest.fixture
def refused(lightfuse_program, contents):
    """Runs the program, checks that it refuses as it should, leaving `folder` alone, and returns the sentence."""

    def run(folder, *arguments):
        before = contents(folder)
        ended = lightfuse_program(*arguments)
        assert ended.code == 2, ended
        assert ended.out == ""
        assert contents(folder) == before
        sentence, *more = ended.err.splitlines()
        assert more == []
        assert sentence.startswith("lightfuse: ")
        assert "Traceback" not in sentence
        return sentence.removeprefix("lightfuse: ")

    return run
