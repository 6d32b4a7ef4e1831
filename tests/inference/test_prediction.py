"""`Prediction`, `Segment` and `Timeline` as data, text and figures."""

from xml.etree import ElementTree as ET

import pytest

from serenade.errors import NoSpeechError
from serenade.inference import Prediction, Segment, Timeline

SEGMENTS = (
    Segment(1.0, 2.0, {"angry": 1.0, "sad": 0.0}),
    Segment(3.0, 6.0, {"angry": 0.2, "sad": 0.8}),
)


def test_prediction_to_dict_is_json_data():
    made = Prediction("a.wav", 1.23456, {"angry": 0.25, "sad": 0.75})
    assert made.to_dict() == {
        "file": "a.wav",
        "duration": 1.235,
        "emotion": "sad",
        "probability": 0.75,
        "probabilities": {"angry": 0.25, "sad": 0.75},
    }


def test_prediction_to_dict_states_the_enrolment():
    made = Prediction("a.wav", 1.0, {"sad": 1.0}, "by itself, 12 utterances")
    assert made.to_dict()["enrolment"] == "by itself, 12 utterances"


def test_timeline_to_dict_is_json_data():
    made = Timeline("a.wav", 7.0, ("angry", "sad"), SEGMENTS)
    assert made.to_dict() == {
        "file": "a.wav",
        "duration": 7.0,
        "segments": [
            {
                "start": 1.0,
                "end": 2.0,
                "emotion": "angry",
                "probability": 1.0,
                "probabilities": {"angry": 1.0, "sad": 0.0},
            },
            {
                "start": 3.0,
                "end": 6.0,
                "emotion": "sad",
                "probability": 0.8,
                "probabilities": {"angry": 0.2, "sad": 0.8},
            },
        ],
    }


def test_timeline_overall_averages_speech():
    overall = Timeline("a.wav", 7.0, ("angry", "sad"), SEGMENTS, "e").overall()
    assert overall.probabilities == pytest.approx({"angry": 0.4, "sad": 0.6})
    assert (overall.file, overall.duration, overall.enrolment) == ("a.wav", 7.0, "e")


def test_timeline_overall_names_a_file_without_speech():
    with pytest.raises(NoSpeechError, match=r"a\.wav: contains no speech"):
        Timeline("a.wav", 7.0, ("angry",), ()).overall()


def test_prediction_reprs_are_short():
    assert repr(Prediction("a.wav", 1.5, {"sad": 1.0})) == "Prediction('a.wav', 1.50 s: sad 1.00)"
    assert repr(SEGMENTS[1]) == "Segment(3.00-6.00 s: sad 0.80)"
    timeline = Timeline("a.wav", 7.0, ("angry", "sad"), SEGMENTS)
    assert repr(timeline) == "Timeline('a.wav', 7.00 s: 2 segments, 4.00 s of speech)"
    alone = Timeline("a.wav", 7.0, ("angry",), SEGMENTS[:1])
    assert "1 segment," in repr(alone)


def test_prediction_and_timeline_draw_figures_for_notebooks():
    prediction = Prediction("a<b>.wav", 1.0, {"angry": 0.25, "sad & <low>": 0.75})
    timeline = Timeline("a<b>.wav", 7.0, ("angry", "sad"), SEGMENTS)
    for shown, bars in ((prediction, 2), (timeline, 2)):
        tree = ET.fromstring(shown._repr_html_())
        assert "a<b>.wav" in tree.find("div").text
        rectangles = list(tree.iter("{http://www.w3.org/2000/svg}rect"))
        assert len(rectangles) == bars
    first, second = (float(each.get("width")) for each in rectangles)
    assert second == pytest.approx(3 * first, rel=0.01)
    assert "sad & <low>" in "".join(ET.fromstring(prediction._repr_html_()).itertext())
    assert Timeline("a.wav", 0.0, ("angry",), ())._repr_html_()
