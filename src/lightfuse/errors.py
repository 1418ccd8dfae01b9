"""What LightFuse raises: one family, each error a sentence a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

_PACKAGES = {".jxl": ("JPEG XL", "pyjpegxl"), ".exr": ("OpenEXR", "OpenEXR")}  # Of the extras named as the suffixes.


class LightFuseError(Exception):
    """Base of every error LightFuse raises on purpose; its text says what is wrong and what to do."""


class PictureError(LightFuseError):
    """A picture (file or array) cannot be read, or cannot be fused as it is."""


class OutputError(LightFuseError):
    """A result cannot be written where it was asked for."""


class WeightsError(LightFuseError):
    """A weights file is missing, corrupt, or of another shape than its model."""


class DataError(LightFuseError):
    """A folder of brackets, or a training setting, cannot be used as it is."""


class MissingExtraError(LightFuseError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'lightfuse[{extra}]'")


@contextmanager
def missing_extra(feature: str, extra: str, *modules: str) -> Iterator[None]:
    """Raise `MissingExtraError` where an import inside ``with`` fails for want of one of these modules."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in modules:
            raise
        raise MissingExtraError(feature, extra) from None


def check_extra(suffix: str) -> None:
    """Raise `MissingExtraError` where writing a format (``".jxl"``) needs an extra that is not installed."""
    what, package = _PACKAGES.get(suffix.lower(), ("", ""))
    if package and find_spec(package) is None:
        raise MissingExtraError(f"writing {what}", suffix.lower()[1:])
