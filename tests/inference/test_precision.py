"""`convert_precision` and `compare_models`."""

import json
import shutil

import numpy as np
import pytest
from support.model_folders import write_probe

import serenade
from serenade.audio import read
from serenade.errors import InputError, ModelError, SerenadeError
from serenade.inference import _precision, compare_models

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """Write a model with the encoder of the package."""
    return write_probe(tmp_path_factory.mktemp("models") / "probe")


@pytest.fixture(scope="module")
def made(probe, tmp_path_factory):
    """Convert the model to each precision."""
    root = tmp_path_factory.mktemp("precisions")
    for name in _precision.PRECISIONS:
        _precision.convert_precision(probe, root / name, name)
    return root


@pytest.mark.parametrize(("name", "most"), [("fp32", 1e-6), ("fp16", 1e-3), ("int8", 0.03)])
def test_convert_precision_keeps_probabilities_close(made, talk, probe, name, most):
    model, found = serenade.load(probe), serenade.load(made / name)
    for signal in (talk, talk[30_000:60_000], talk[:4000]):
        away = np.abs(found.probabilities(signal) - model.probabilities(signal)).max()
        assert away < most
    assert (away > 0) == (name != "fp32")
    assert found.description["precision"] == name


def test_convert_precision_to_int8_shrinks_the_folder_and_adds_the_encoder(
    made, models_root, tmp_path
):
    assert (made / "int8" / "encoder.onnx").is_file()
    assert not (made / "fp16" / "encoder.onnx").exists()
    half = str(models_root / "whisper-tiny-en-encoder.safetensors")  # in half precision
    probe = write_probe(tmp_path / "probe", encoder=half)
    _precision.convert_precision(probe, tmp_path / "int8", "int8")
    assert _precision.measure_size(tmp_path / "int8") < 0.56 * _precision.measure_size(probe)
    arrays = onnx.load(tmp_path / "int8" / "encoder.onnx").graph.initializer
    small = [each for each in arrays if each.data_type == onnx.TensorProto.INT8]
    parameters = sum(onnx.numpy_helper.to_array(each).size for each in small)
    assert parameters > 0.98 * sum(onnx.numpy_helper.to_array(each).size for each in arrays)


def test_quantise_rounds_to_half_a_step():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(96, 200)).astype(np.float32) * np.geomspace(1e-4, 1e2, 200)
    whole, scales = _precision._quantise(values.astype(np.float32))
    assert scales.shape == (1, 200)  # columns differ, so each has its own
    assert (np.abs(whole * scales - values) <= 0.51 * scales).all()
    assert np.abs(whole).max(axis=0).min() == 127
    assert _precision._quantise(values[:, :8].astype(np.float32)) == (None, None)


def test_converted_folder_can_be_moved_and_enrolled(made, example, tmp_path):
    moved = tmp_path / "elsewhere"
    (made / "int8").rename(moved)
    try:
        found = serenade.load(moved)
        assert found.enrol([example]).predict(example).enrolment
        stated = json.loads((moved / "model.json").read_text("utf-8"))
        assert stated["features"][0]["parameters"]["encoder"] == "encoder.onnx"
        _precision.convert_precision(
            moved, tmp_path / "again", "fp16"
        )  # its own encoder goes along
        again = serenade.load(tmp_path / "again")
        assert again.predict(example).emotion == found.predict(example).emotion
    finally:
        moved.rename(made / "int8")


def test_convert_precision_refuses_its_source_and_unknown_precisions(made):
    with pytest.raises(SerenadeError, match="is the model to export"):
        _precision.convert_precision(made / "fp16", made / "fp16", "int8")
    with pytest.raises(SerenadeError, match="no precision 'int4'"):
        _precision.convert_precision(None, made / "x", "int4")


def test_convert_precision_refuses_links_to_other_places(probe, tmp_path):
    folder = tmp_path / "probe"
    shutil.copytree(probe, folder)
    (tmp_path / "key").write_text("secret")
    (folder / "MODEL_CARD.md").unlink(missing_ok=True)
    (folder / "MODEL_CARD.md").symlink_to(tmp_path / "key")
    with pytest.raises(ModelError, match=r"MODEL_CARD\.md: is a link.*replace the link"):
        _precision.convert_precision(folder, tmp_path / "out", "fp16")
    assert not (tmp_path / "out").exists()


def test_compare_models_measures_each_model(model, example):
    audio = read(example, sampling_rate=16000)
    wrong = next(label for label in model.labels if label != model.predict(audio).emotion)
    rows = compare_models(
        {"a": model, "b": model}, {"a": 1, "b": 2}, [audio, audio], ["sad", wrong]
    )
    assert [row.size for row in rows] == [1, 2]
    assert rows[1].largest == rows[1].mean == 0
    assert rows[1].agreement == 1
    assert rows[0].times_real > 0
    with pytest.raises(InputError, match="nothing to compare"):
        compare_models({"a": model}, {"a": 1}, [])
