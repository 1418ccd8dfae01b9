"""A context model as a C project in whole numbers."""

from pathlib import Path

from lightfuse.errors import WeightsError
from lightfuse.export.c_project import makefile, rows_header, template
from lightfuse.export.c_text import c_name
from lightfuse.export.int8.counting import fuse_counting
from lightfuse.export.int8.header import int8_header
from lightfuse.export.int8.model import Int8Model
from lightfuse.export.int8.ranges import measured_ranges
from lightfuse.export.int8.readme import int8_readme
from lightfuse.export.int8.rounding import rounded
from lightfuse.export.quality import calibration_pairs, cost_section
from lightfuse.fuser import Fuser
from lightfuse.models import ContextConfig, Weights, check_shapes

_WIDEST = 64  # LF_MAX_WIDTH of c_files/int8/model.h


def export_int8(weights: Weights, data: Path | None = None) -> dict[str, bytes]:
    """The files of a C project that fuses in whole numbers with these weights, by name.

    Args:
        weights: of a context model.
        data: a folder of brackets to judge the quality on, for the README; sample scenes where there is none.

    Raises:
        WeightsError: the weights do not fit their model, or it is of a kind that has no such form.
        DataError: the folder holds no brackets that can be judged on.
        PictureError: a picture in it cannot be read.
    """
    model = int8_model(weights)
    quality = cost_section(Fuser(weights), lambda *pair: fuse_counting(model, *pair), data)
    name = c_name(weights.model)
    texts = {
        "lightfuse_rows.h": rows_header("int8"),
        f"lightfuse_{name}_weights.h": int8_header(model),
        "main.c": template("main.c").replace("@MODEL@", name),
        "Makefile": makefile(f"lightfuse_rows.h lightfuse_{name}_weights.h", libraries=""),
        "README.md": int8_readme(model, quality),
    }
    return {file: text.encode() for file, text in texts.items()}


def int8_model(weights: Weights) -> Int8Model:
    """A context model in whole numbers, its ranges measured on sample scenes. Raises WeightsError as `export_int8`."""
    check_shapes(weights, f"the weights of {weights.model}")
    config = weights.config
    if not isinstance(config, ContextConfig):
        raise WeightsError(f"{weights.model!r} has no form in whole numbers; the models small and base have")
    if config.context_stride != 1:
        raise WeightsError(f"C fuses with a context of stride 1 only, not {config.context_stride}")
    if max(config.channels, *config.hidden) > _WIDEST:
        raise WeightsError(f"{weights.model!r} is too wide for C in whole numbers, which takes {_WIDEST} channels")
    return rounded(weights, measured_ranges(weights, calibration_pairs()))
