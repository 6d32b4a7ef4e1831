"""The public interface: what `import serenade` offers, and how it answers mistakes."""

import subprocess
import sys

import pytest
from support.small_corpora import SYNTHETIC

import serenade
from serenade.errors import SerenadeError

OFFERED = (
    *("load", "stream", "evaluate", "Estimator"),
    *("corpora", "features", "encoders", "systems", "protocols", "errors"),
)


@pytest.mark.parametrize("name", OFFERED)
def test_serenade_offers_its_names_without_a_further_import(name):
    code = f"import serenade; serenade.{name}; assert '{name}' in dir(serenade)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_serenade_loads_neither_numpy_nor_its_own_packages():
    code = (
        "import sys, serenade;"
        "print(*{n.split('.')[0] for n in sys.modules}, *(n for n in sys.modules if '.' in n))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "serenade" in loaded
    assert not {"numpy", "pandas", "torch", "sklearn", "onnxruntime"} & loaded
    assert not [name for name in loaded if name.startswith("serenade.")]


def test_serenade_names_an_attribute_it_does_not_have():
    with pytest.raises(AttributeError, match=r"serenade.*predictor"):
        _ = serenade.predictor


def test_reports_state_the_version_that_runs(monkeypatch):
    monkeypatch.setattr(serenade, "__version__", "9.9")
    assert serenade.evaluation.list_versions()["serenade"] == "9.9"


def test_model_repr_is_short():
    assert repr(serenade.load()) == "Model(whisper-places, 7 labels, bundled)"


def test_estimator_takes_the_name_of_a_system():
    estimator = serenade.Estimator("whisper-probe", C=0.01)
    assert estimator.get_system().name == "whisper-probe"


def test_estimator_repr_is_short():
    estimator = serenade.Estimator("whisper-probe", C=0.01)
    assert repr(estimator) == "Estimator('whisper-probe', C=0.01)"


def test_estimator_that_is_not_fitted_says_so():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError, match="not fitted yet"):
        serenade.Estimator("whisper-probe").predict(["a.wav"])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["a.wav", "b.wav"], r"^a\.wav: does not exist; check the path"),
        ("a.wav", r"^X: one path; give a list of paths: \['a\.wav'\]"),
        ([[0.1], [0.2]], r"^X: a list that does not hold paths; give rows"),
    ],
)
def test_estimator_fit_explains_wrong_recordings_in_one_line(X, message):
    with pytest.raises(SerenadeError, match=message) as error:
        serenade.Estimator("whisper-probe").fit(X, ["sad", "happy"])
    assert len(str(error.value).splitlines()) == 1


def test_estimator_fit_names_similar_systems():
    with pytest.raises(SerenadeError, match="whisper-probe"):
        serenade.Estimator("whisper-prob").fit(["a.wav", "b.wav"], ["sad", "angry"])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Write four speakers, two emotions, two sentences."""
    root = tmp_path_factory.mktemp("synthetic")
    return serenade.corpora.open(SYNTHETIC, root, speakers=4, sentences=2, labels=("angry", "sad"))


@pytest.mark.parametrize("by_name", [True, False])
def test_evaluate_takes_an_estimator_and_a_protocol_and_reports_what_ran(corpus, by_name):
    estimator = serenade.Estimator("whisper-probe", C=0.01, copies=1)
    protocol = "loso" if by_name else serenade.protocols.get("loso")
    report = serenade.evaluate(estimator, corpus, protocol)
    assert report.system == "whisper-probe"
    assert report.recipe["C"] == [0.01]
    assert report.protocol == serenade.protocols.get("loso").name
    assert len(report.folds) == 4
    assert not hasattr(estimator, "classes_")  # each fold is fitted on a clone


def test_evaluate_names_similar_systems_corpora_and_protocols(corpus, tmp_path):
    with pytest.raises(SerenadeError, match="whisper-probe"):
        serenade.evaluate("whisper-prob", corpus, "loso")
    with pytest.raises(SerenadeError, match="ravdess"):
        serenade.evaluate("whisper-probe", "ravdes", "loso", root=tmp_path)
    with pytest.raises(SerenadeError, match="loso"):
        serenade.evaluate("whisper-probe", corpus, "losso")
