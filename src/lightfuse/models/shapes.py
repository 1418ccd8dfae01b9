"""What tensors a model has: the one place that ties a configuration to names and sizes, without torch."""

import itertools

from lightfuse.models.config import Config, ContextConfig, PaperConfig, config_of

Shape = tuple[int, ...]


def parameter_shapes(model: str | Config) -> dict[str, Shape]:
    """Tensor names, as in torch's state dict, and their shapes; for a known model's name or a configuration.

    Raises:
        WeightsError: for an unknown model.
    """
    config = config_of(model) if isinstance(model, str) else model
    return _paper_shapes(config) if isinstance(config, PaperConfig) else _context_shapes(config)


def _paper_shapes(config: PaperConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = (6, *config.hidden, 3)
    for i, (n_in, n_out) in enumerate(itertools.pairwise(channels)):
        shapes |= _convolution(f"combining.layers.{i}", (n_out, n_in, 1, 1))
    for layer in ("down1", "down2", "down3"):
        shapes |= _convolution(f"filtering.{layer}", (6, 1, 3, 3), bias=layer != "down3")
    return shapes | _convolution("filtering.mix", (3, 6, 1, 1))


def _context_shapes(config: ContextConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    widths = (6, *config.hidden, config.outputs)
    last = len(widths) - 2
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        shapes |= _convolution(f"combining.layers.{i}", (n_out, n_in, 1, 1), bias=0 < i < last)
    n = config.channels
    shapes |= _convolution("filtering.first_dw", (6, 1, 3, 3), bias=False)
    shapes |= _convolution("filtering.first_pw", (n, 6, 1, 1))
    if config.context_stride == 1:
        shapes |= _convolution("filtering.stem", (n, 6, 1, 1))
    blocks = [f"down.{i}" for i in range(1 if config.shared else config.levels - 1)]
    blocks += [f"up.{i}" for i in range(1 if config.shared else config.levels)]
    for block in blocks:
        shapes |= _convolution(f"filtering.{block}.dw", (n, 1, 3, 3), bias=False)
        shapes |= _convolution(f"filtering.{block}.pw", (n, n, 1, 1))
    shapes |= _convolution("filtering.summary", (n, 2 * n))
    return shapes | _convolution("filtering.head", (config.context_channels, n, 1, 1))


def _convolution(name: str, shape: Shape, *, bias: bool = True) -> dict[str, Shape]:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})
