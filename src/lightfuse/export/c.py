"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

from importlib import resources

from lightfuse.errors import WeightsError
from lightfuse.export.amalgamate import amalgamated_core
from lightfuse.export.c_readme import readme
from lightfuse.export.c_weights import c_name, weights_header
from lightfuse.weights import ContextConfig, PaperConfig, Weights, check_shapes

# C23 lets a pointer to arrays become one to constant arrays, C11 does not, and GCC says so when asked to be pedantic;
# Clang says where it unrolls a loop less than it was asked to. Neither is the reader's concern.
_REMARKS_OFF = """\
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
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
        "lightfuse_rows.h": _template(f"rows_{family}.h"),
        f"lightfuse_{name}_weights.h": weights_header(weights),
        "main.c": _template("main.c").replace("@MODEL@", name),
        "Makefile": _template("Makefile").replace("@MODEL@", name),
    }
    texts["README.md"] = readme(weights)
    return {file: text.encode() for file, text in texts.items()}


def _template(name: str) -> str:
    return (resources.files("lightfuse.export") / "c_files" / name).read_text(encoding="utf-8")


def _check_fits_core(weights: Weights) -> None:
    config = weights.config
    if isinstance(config, ContextConfig) and config.context_stride != 1:
        raise WeightsError(f"C fuses with a context of stride 1 only, not {config.context_stride}")
