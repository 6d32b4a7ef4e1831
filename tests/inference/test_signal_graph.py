"""Graphs of features and of whole models, compared with NumPy and with the model."""

import numpy as np
import pytest

import serenade
from serenade.encoders import locate_whisper
from serenade.encoders.whisper import WhisperPooled, WhisperStates
from serenade.errors import SerenadeError, TooShortError
from serenade.features import MFCC40, AcousticSet, KaldiFbank, LogMel
from serenade.inference import _precision
from serenade.inference._signal_graph import _FeatureGraph
from serenade.runtime import open_session
from serenade.systems.attentive_crnn import LogSpectrogram

onnx = pytest.importorskip("onnx")

FEATURES = {
    "log-mel": (LogMel(), 1e-3),
    "log-mel in HTK's scale, no floor": (LogMel(40, scale="htk", fmin=50.0, top_db=None), 1e-2),
    "log-mel of a stretch": (LogMel(48, window=0.0427, offset=0.5, duration=3.0), 1e-3),
    "mfcc40 of a stretch": (MFCC40(offset=0.5, duration=3.0), 1e-2),
    "mfcc40 of all": (MFCC40(13), 1e-2),
    "mfcc40 from a place": (MFCC40(offset=0.25), 1e-2),
    "fbank": (KaldiFbank(), 1e-3),
    "fbank with deltas": (KaldiFbank(40, delta_order=2), 1e-3),
    "spectrogram": (LogSpectrogram(), 2e-2),
    "whisper, pooled": (WhisperPooled(layers=(1, 3)), 1e-3),
    "whisper, means, untrimmed": (WhisperPooled(deviation=False, trim=False), 1e-3),
    "whisper, a state": (WhisperStates(layer=2, dynamic_range=5.0), 1e-3),
    "whisper, all states": (WhisperStates(layer=None), 1e-3),
}


def graph_of(feature):
    encoders = {"whisper-base": onnx.load(locate_whisper("whisper-base"))}
    graph = _FeatureGraph(16000, encoders)
    graph.name_output(graph.frames(feature), "found")
    model = graph.build_model("feature", {"signal": ["samples"]}, {"found": ["frames", "dims"]})
    onnx.checker.check_model(model)
    session = open_session(model.SerializeToString())
    return lambda signal: session.run(None, {"signal": signal})[0]


@pytest.mark.parametrize("name", FEATURES)
def test_feature_graph_computes_the_feature(name, talk):
    feature, tolerance = FEATURES[name]
    run = graph_of(feature)
    rng = np.random.default_rng(0)
    noisy = rng.normal(0, 0.01, 12345).astype(np.float32)
    quiet_ends = np.concatenate([np.zeros(7000), talk[:20_011], np.zeros(5001)]).astype(np.float32)
    for signal in (talk[:48_000], quiet_ends, noisy, talk[20_000:28_001], np.zeros_like(noisy)):
        wanted = feature(signal, 16000)
        found = run(signal)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=tolerance * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("name", ["whisper, pooled", "whisper, a state"])
def test_feature_graph_encodes_a_long_signal_in_parts(name, talk):
    feature, tolerance = FEATURES[name]
    signal = np.resize(talk, 16000 * 61 + 160)  # three parts, of which one has a frame more
    wanted = feature(signal, 16000)
    found = graph_of(feature)(signal)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=tolerance * max(1, np.abs(wanted).max()))


def test_feature_graph_refuses_other_features():
    with pytest.raises(SerenadeError, match="AcousticSet: cannot be part of an ONNX graph"):
        _FeatureGraph(16000, {}).frames(AcousticSet())


def test_convert_precision_joins_the_bundled_model_to_one_graph(talk, example, model, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "speakers.npz").write_bytes(b"of a model that was here before")
    _precision.convert_precision(None, tmp_path / "whole", "fp32", features_inside=True)
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == [
        "MODEL_CARD.md",
        "head.onnx",
        "model.json",
        "places.npz",
    ]
    whole = serenade.load(tmp_path / "whole")
    for signal in (talk, talk[30_000:60_000], talk[:400], np.zeros(16000, np.float32)):
        away = np.abs(whole.probabilities(signal) - model.probabilities(signal)).max()
        assert away < 1e-3
    assert whole.timeline(talk, 16000).segments
    with pytest.raises(TooShortError, match="at least 400 samples"):
        whole.probabilities(talk[:399])
    assert whole.enrol([example]).enrolment == model.enrol([example]).enrolment
    whole_bytes = sum(path.stat().st_size for path in (tmp_path / "whole").iterdir())
    assert _precision.measure_size(tmp_path / "whole") == pytest.approx(whole_bytes, rel=0.01)
    facts = onnx.load(tmp_path / "whole" / "head.onnx").metadata_props
    stated = {each.key: each.value for each in facts}
    assert stated["labels"].split(",") == list(model.labels)
    assert stated["sampling_rate"] == "16000"


def test_convert_precision_refuses_a_joined_graph(tmp_path):
    _precision.convert_precision(None, tmp_path / "whole", "fp16", features_inside=True)
    with pytest.raises(SerenadeError, match="has its features inside"):
        _precision.convert_precision(tmp_path / "whole", tmp_path / "again", "int8")
