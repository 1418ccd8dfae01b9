"""Training runs that stop on the way, and their logs."""

import csv

from lightfuse.training.settings import with_settings, words_as_settings


class StoppedError(Exception):
    """Ends a run on purpose."""


def stop_at(step):
    """A report of progress that ends the run at a step."""

    def report(progress):
        if progress.step == step:
            raise StoppedError

    return report


def log_rows(folder):
    """The rows of a run's log, the heading first."""
    return list(csv.reader((folder / "log.csv").read_text().splitlines()))


def override(settings, words):
    """Settings changed by ``name=value`` words."""
    return with_settings(settings, words_as_settings(words))
