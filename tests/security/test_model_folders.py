"""Model folders that are damaged, half written or hostile give one typed error."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from support.model_folders import make_probe, write_probe

import serenade
from serenade import _hub, _model_files
from serenade._model_files import write_model_files
from serenade.errors import ModelError
from serenade.inference._model_folder import PACKAGED
from serenade.runtime import Graph

onnx = pytest.importorskip("onnx")
NAMES = ("head.onnx", "enrolled.onnx", "speakers.npz", "MODEL_CARD.md")


@pytest.fixture
def checked(tmp_path):
    """Write a model that has checksums."""
    write_model_files(tmp_path / "model", *make_probe())
    return tmp_path / "model"


@pytest.fixture
def unchecked(tmp_path):
    """Write the same model without checksums, as version 0.1 did."""
    return write_probe(tmp_path / "old")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return serenade.load(write_probe(tmp_path_factory.mktemp("models") / "probe"))


def test_folders_with_and_without_checksums_load(checked, unchecked, example, model):
    for folder in (checked, unchecked):
        assert serenade.load(folder).predict(example) == model.predict(example)


@pytest.mark.parametrize("folder", sorted({*PACKAGED.values()}), ids=lambda folder: folder.name)
def test_the_models_of_the_package_have_checksums(folder):
    description = json.loads((folder / "model.json").read_text("utf-8"))
    names = {path.name for path in folder.iterdir() if path.suffix in {".onnx", ".npz"}}
    assert set(description["files"]) == names
    assert description["checksum"]


@pytest.mark.parametrize("name", ["model.json", *NAMES[:3]])
def test_load_refuses_every_flipped_bit(checked, name):
    path = checked / name
    whole = path.read_bytes()
    for bit in np.random.default_rng(0).integers(0, 8 * len(whole), 20):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        if name == "model.json" and json_of(damaged) == json_of(whole):
            continue  # for example another white space
        with pytest.raises(ModelError, match="copy the model folder again"):
            serenade.load(checked)


def json_of(content):
    try:
        return json.loads(bytes(content))
    except ValueError:
        return None


@pytest.mark.parametrize("written", range(5))
def test_a_write_that_is_interrupted_cannot_be_loaded(checked, monkeypatch, written):
    description, files = make_probe()
    other = {**description, "labels": description["labels"][::-1]}
    calls = []

    def stop(path, content):
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(path)
        path.write_bytes(content)

    monkeypatch.setattr(_model_files, "write_atomically", stop)
    with pytest.raises(KeyboardInterrupt):
        write_model_files(checked, other, {**files, "head.onnx": files["enrolled.onnx"]})
    with pytest.raises(ModelError, match=r"no model\.json"):
        serenade.load(checked)


def test_a_folder_with_files_of_two_models_is_refused(checked):
    shutil.copyfile(checked / "enrolled.onnx", checked / "head.onnx")
    with pytest.raises(ModelError, match=r"head\.onnx: damaged or of another model"):
        serenade.load(checked)


def make_head(width, labels, *, kind="good"):
    """Make a head that gives equal probabilities, or something hostile."""
    graph = Graph()
    outputs = {"probabilities": ["rows", labels]}
    inputs = {"features": ["rows", width]}
    weights = graph.add_array(np.zeros((width, labels)))
    scores = graph.add_node("MatMul", "features", weights)
    found = graph.add_node("Softmax", scores, axis=-1)
    if kind == "nan":
        found = graph.add_node("Div", scores, scores)
    elif kind == "percent":
        found = graph.add_node("Mul", found, graph.add_array(-500.0))
    elif kind == "rank":
        found, outputs = (
            graph.add_node("Unsqueeze", found, graph.add_array([0], np.int64)),
            {"probabilities": [1, "rows", labels]},
        )
    elif kind == "name":
        outputs = {"other": ["rows", labels]}
    elif kind == "second input":
        inputs["more"] = ["rows", width]
    elif kind == "huge":
        sizes = graph.add_array([100_000_000_000, labels], np.int64)
        row = graph.add_node("ReduceMean", found, keepdims=1)
        found = graph.add_node("Expand", row, sizes)
    elif kind == "signal":
        inputs = {"signal": ["samples"]}
        found = graph.add_node("Softmax", graph.add_array(np.zeros((1, labels))), axis=-1)
    graph.name_output(found, next(iter(outputs)))
    made = graph.build_model("head", inputs, outputs)
    if kind == "type":
        made.graph.node[-1].op_type = "Cast"
        made.graph.node[-1].attribute.append(onnx.helper.make_attribute("to", 11))
        made.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    if kind == "signal":
        del made.graph.node[:-2]
    return made.SerializeToString()


HEADS = ["nan", "percent", "rank", "name", "second input", "huge", "signal", "type"]


@pytest.mark.parametrize("kind", ["good", *HEADS])
def test_hostile_heads(unchecked, example, model, kind):
    content = make_head(len(model.feature.names), len(model.labels), kind=kind)
    (unchecked / "head.onnx").write_bytes(content)
    if kind == "good":
        found = serenade.load(unchecked).predict(example).probabilities
        assert list(found.values()) == pytest.approx([1 / len(found)] * len(found))
        return
    with pytest.raises(ModelError, match="again"):
        serenade.load(unchecked).predict(example)


def nest(statement, depth):
    for _ in range(depth):
        parameters = {"feature": statement, "mean": True}
        statement = {"name": "pooled", "parameters": parameters}
    return statement


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["angry"] * 7},
        {"labels": ["\ud800", *"abcdef"]},
        {"labels": [1, 2, 3, 4, 5, 6, 7]},
        {"licence": {"name": "mine"}},
        {"licence": ["mine"]},
        {"sampling_rate": 8000},
        {"system": 7},
        {"enrolment": 1},
        {"feature": nest({"name": "log-mel", "parameters": {}}, 400)},
        {"extra": nest({}, 20_000)},
        {"files": ["head.onnx"]},
        {"files": {"../head.onnx": "0" * 64}},
        {"checksum": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_hostile_descriptions(unchecked, change):
    path = unchecked / "model.json"
    try:
        text = json.dumps(json.loads(path.read_text("utf-8")) | change)
    except RecursionError:
        deep = next(iter(change))
        text = path.read_text("utf-8")[:-1] + f', "{deep}": ' + "[" * 100_000 + "]" * 100_000 + "}"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match="again"):
        serenade.load(unchecked)


def test_a_description_of_gigabytes_is_not_read(unchecked):
    with (unchecked / "model.json").open("r+b") as file:
        file.truncate(3 << 30)
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        serenade.load(unchecked)


def test_statistics_that_unpack_to_gigabytes_are_not_read(unchecked, example):
    path = unchecked / "speakers.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("mean.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f4", "fortran_order": False, "shape": (1 << 25,)}
        )
        for _ in range(128):
            member.write(bytes(1 << 20))
    with pytest.raises(ModelError, match=r"speakers\.npz: damaged"):
        serenade.load(unchecked).enrol([example])
    huge = np.lib.format.magic(1, 0) + b"v\0{'descr': '<f4', 'fortran_order': False, 'shape': "
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("mean", "within", "between", "neutral"):
            archive.writestr(f"{name}.npy", (huge + b"(1152921504606846976,), }").ljust(128))
    with pytest.raises(ModelError, match=r"speakers\.npz: damaged"):
        serenade.load(unchecked).enrol([example])


def test_a_local_folder_contacts_no_hub(unchecked, monkeypatch, tmp_path):
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_hub, "download_file", lambda *_: pytest.fail("contacted a hub"))
    path = unchecked / "model.json"
    description = json.loads(path.read_text("utf-8"))
    feature = description.get("feature") or description["features"][0]
    feature["parameters"]["encoder"] = "evil/model"
    path.write_text(json.dumps(description), "utf-8")
    with pytest.raises(ModelError, match=r"needs the encoder evil/model, .* not on this machine"):
        serenade.load(unchecked)
