"""Trained models for other programs: C, ONNX, LiteRT and ncnn, each with a README made from ``readmes/*.md``."""

from importlib import resources
from typing import Any

from lightfuse.models import Weights
from lightfuse.models.config import cost


def readme(kind: str, weights: Weights, **facts: Any) -> str:
    """The README of an exported model: the template of a kind, with the model's name, cost and other facts."""
    template = (resources.files("lightfuse.export") / "readmes" / f"{kind}.md").read_text(encoding="utf-8")
    found, model = cost(weights.config), " ".join(weights.model.split())
    return template.format(model=model, numbers=found.parameters, products=found.multiply_adds, **facts)
