"""The sentences with which pictures are refused, and disks that refuse to be written to."""

import errno
import os

import pytest

from lightfuse.errors import LightFuseError, OutputError, PictureError
from lightfuse.images import read_picture


def error_message(error: type[LightFuseError], function, *arguments, **options):
    """The one line that an error of this kind says when a function is called."""
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def read_error(source, **options):
    """The message with which reading a picture (path, bytes or array) is refused."""
    return error_message(PictureError, read_picture, source, **options)


def write_error(function, *arguments, **options):
    """The message with which a function refuses to write."""
    return error_message(OutputError, function, *arguments, **options)


def close_disk(monkeypatch, *calls):
    """Let each call, an object and the name of its function, fail as on a disk that is closed to writing."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for place, name in calls:
        monkeypatch.setattr(place, name, refuse)
