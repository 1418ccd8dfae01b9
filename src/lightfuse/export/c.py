"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

from lightfuse.errors import WeightsError
from lightfuse.export.amalgamate import amalgamated_core
from lightfuse.export.c_project import makefile, rows_header, template
from lightfuse.export.c_readme import readme
from lightfuse.export.c_text import c_name
from lightfuse.export.c_weights import weights_header
from lightfuse.models import ContextConfig, PaperConfig, Weights, check_shapes

# C23 lets a pointer to arrays become one to constant arrays, C11 does not, and GCC says so when asked to be pedantic;
# Clang says where it unrolls a loop less than it was asked to; sizes and places are of several kinds of whole numbers.
# None of it is the reader's concern.
_REMARKS_OFF = """\
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wpass-failed"
#endif
"""
_REMARKS_ON = "#pragma GCC diagnostic pop\n"


def export_c(weights: Weights) -> dict[str, bytes]:
    """The files of a C project that fuses with these weights, by name.

    ``lightfuse.h`` is the core in one file; ``lightfuse_rows.h`` fuses row by row in little memory;
    ``lightfuse_NAME_weights.h`` declares the model; ``main.c`` fuses two PPM files.

    Raises:
        WeightsError: the weights do not fit their model, or the core cannot fuse with such a model.
    """
    check_shapes(weights, f"the weights of {weights.model}")
    _check_fits_core(weights)
    family = "paper" if isinstance(weights.config, PaperConfig) else "context"
    name = c_name(weights.model)
    texts = {
        "lightfuse.h": _REMARKS_OFF + amalgamated_core() + _REMARKS_ON,
        "lightfuse_rows.h": rows_header(family),
        f"lightfuse_{name}_weights.h": weights_header(weights),
        "main.c": template("main.c").replace("@MODEL@", name),
        "Makefile": makefile(f"lightfuse.h lightfuse_rows.h lightfuse_{name}_weights.h", libraries=" -lm"),
    }
    texts["README.md"] = readme(weights)
    return {file: text.encode() for file, text in texts.items()}


def _check_fits_core(weights: Weights) -> None:
    config = weights.config
    if isinstance(config, ContextConfig) and config.context_stride != 1:
        raise WeightsError(f"C fuses with a context of stride 1 only, not {config.context_stride}")
    if isinstance(config, ContextConfig) and config.bounded:
        raise WeightsError("the C project does not fuse with bounded luma yet")
