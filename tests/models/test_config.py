"""Configurations: budgets of the known models, what a file carries, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from lightfuse.errors import WeightsError
from lightfuse.models import KNOWN_MODELS, ContextConfig, PaperConfig, Weights, read_weights, save_weights
from lightfuse.models.config import changed, config_from_json, config_of, config_to_json, cost, parameter_shapes

ODD = ContextConfig(thumbnail_cells=600, channels=5, levels=3, shared=False, hidden=(4, 3))


def zeros(config):
    return {name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(config).items()}


@pytest.mark.parametrize(("model", "parameters", "products"), [("small", 1574, 180), ("base", 6000, 450)])
def test_models_are_within_their_budgets(model, parameters, products):
    assert cost(KNOWN_MODELS[model]).parameters <= parameters
    assert cost(KNOWN_MODELS[model]).multiply_adds <= products


def test_cost_of_the_paper_model_is_the_published_one():
    assert (cost(KNOWN_MODELS["paper"]).parameters, cost(KNOWN_MODELS["paper"]).multiply_adds) == (1574, 1330)
    assert cost(KNOWN_MODELS["paper-wide"]).parameters == 18630


def test_cost_of_a_context_model_counted_by_hand():
    # Layers 6·4 + 4·3 + 3·5; context 4 + 5 channels, 2 each; applying the output 19.
    assert cost(ODD).multiply_adds == 24 + 12 + 15 + 18 + 19
    combining = 6 * 4 + (4 * 3 + 3) + 3 * 5
    block = 5 * 9 + 5 * 5 + 5
    filtering = 6 * 9 + 2 * (6 * 5 + 5) + (2 + 3) * block + (10 * 5 + 5) + (5 * 9 + 9)
    assert cost(ODD).parameters == combining + filtering


@pytest.mark.parametrize("config", [*KNOWN_MODELS.values(), ODD])
def test_weights_files_store_their_configuration(tmp_path, config):
    path = tmp_path / "w.safetensors"
    save_weights(path, Weights("my-variation", zeros(config), {"by": "a test"}, config))
    again = read_weights(path)
    assert (again.model, again.config, again.notes) == ("my-variation", config, {"by": "a test"})
    assert again.parameters == cost(config).parameters


def test_weights_files_without_configuration_are_known_models(tmp_path):
    path = tmp_path / "w.safetensors"
    header = {"lightfuse": json.dumps({"model": "paper-wide", "notes": {}})}
    path.write_bytes(save(zeros(KNOWN_MODELS["paper-wide"]), metadata=header))
    assert read_weights(path).config == PaperConfig((256, 64))


def test_tensors_are_checked_against_the_configuration():
    with pytest.raises(WeightsError, match=r"has shape .* needs"):
        Weights("small", zeros(KNOWN_MODELS["small"]), {}, ContextConfig(channels=13))
    with pytest.raises(WeightsError, match="tensor"):
        Weights("small", zeros(KNOWN_MODELS["small"]), {}, PaperConfig())


def test_weights_without_a_configuration_need_a_known_name():
    assert Weights("small", zeros(KNOWN_MODELS["small"]), {}).config == KNOWN_MODELS["small"]
    with pytest.raises(WeightsError, match="unknown model 'smal'; known are paper, paper-wide, small, base"):
        Weights("smal", {}, {})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "unknown architecture None"),
        ({"family": "transformer"}, "unknown architecture 'transformer'"),
        ({"family": ["context"]}, "unknown architecture"),
        ({"family": "context", "heads": 3}, "field 'heads' of the context architecture does not exist"),
        ({"family": "context", "channels": 0}, "'channels' of the context architecture cannot be 0"),
        ({"family": "context", "channels": 10**9}, "'channels'"),
        ({"family": "context", "channels": 2.5}, "'channels'"),
        ({"family": "context", "channels": True}, "'channels'"),
        ({"family": "context", "channels": None}, "'channels'"),
        ({"family": "context", "channels": float("inf")}, "'channels'"),
        ({"family": "context", "hidden": []}, "'hidden'"),
        ({"family": "context", "hidden": 8}, "'hidden'"),
        ({"family": "context", "levels": 0}, "'levels'"),
        ({"family": "context", "hidden": [8, 8, 8]}, "'hidden'"),
        ({"family": "context", "thumbnail_cells": 1}, "'thumbnail_cells'"),
        ({"family": "context", "shared": "perhaps"}, "'shared'"),
        ({"family": "paper", "hidden": [32]}, "'hidden' of the paper architecture"),
    ],
)
def test_invalid_configurations_are_refused_with_a_sentence(tmp_path, config, sentence):
    path = tmp_path / "w.safetensors"
    if config.get("family") == "context":
        config = {**config_to_json(ContextConfig()), **config}
    write_with_config(path, config)
    with pytest.raises(WeightsError, match=sentence) as refused:
        read_weights(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes", [{"outputs": 4}, {"ratio": False}, {"bounded": False}, {"bounded": None}, {"context_stride": 16}]
)
def test_files_of_older_architectures_are_refused_with_a_sentence(tmp_path, changes):
    path = tmp_path / "w.safetensors"
    written = config_to_json(KNOWN_MODELS["small"]) | {"context_stride": 1} | changes
    write_with_config(path, {name: value for name, value in written.items() if value is not None})
    with pytest.raises(WeightsError, match="is of an older architecture, which this version cannot fuse with"):
        read_weights(path)


def write_with_config(path, config):
    header = json.dumps({"model": "small", "config": config, "notes": {}})
    path.write_bytes(save(zeros(KNOWN_MODELS["small"]), metadata={"lightfuse": header}))


def test_configurations_round_trip_through_json():
    for config in (*KNOWN_MODELS.values(), ODD):
        assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config


def test_fields_are_changed_by_text_and_by_numbers():
    assert changed(ODD, {"hidden": "14,12", "shared": "true", "channels": "7"}, "{!r}") == replace(
        ODD, hidden=(14, 12), shared=True, channels=7
    )
    assert changed(ODD, {"hidden": [14, 12]}, "{!r}").hidden == (14, 12)


@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [
        ((1024, 1536), (128, 192)),
        ((1536, 1024), (192, 128)),
        ((4000, 6000), (128, 192)),
        ((1, 1), (160, 160)),
        ((100, 2000), (32, 704)),
        ((1, 5000), (16, 1536)),
    ],
)
def test_thumbnails_keep_the_aspect_ratio_in_multiples_of_the_coarsest_cell(size, thumbnail):
    assert config_of("small").thumbnail_size(*size) == thumbnail
