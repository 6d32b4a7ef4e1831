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


def test_split_speakers_reads_each_segment_a_few_times_for_many_speakers():
    reads = []

    class Watched(Segment):
        def __getattribute__(self, name):
            reads.append(name)
            return super().__getattribute__(name)

    names = [f"speaker {number % 100}" for number in range(200)]
    parts = tuple(Watched(k, k + 1, {"sad": 1.0}, speaker=name) for k, name in enumerate(names))
    reads.clear()
    found = Timeline("a.wav", 200.0, ("sad",), parts).split_speakers()
    assert list(found) == names[:100]
    assert found["speaker 7"].segments == (parts[7], parts[107])
    assert reads.count("speaker") < 6 * len(parts)


def test_summary_states_shares_moments_and_thirds_of_a_long_recording():
    parts = (
        Segment(2.0, 12.0, {"neutral": 0.7, "angry": 0.2, "sad": 0.1}),
        Segment(15.0, 25.0, {"neutral": 0.1, "angry": 0.6, "sad": 0.3}),
        Segment(25.0, 30.0, {"neutral": 0.1, "angry": 0.8, "sad": 0.1}),
        Segment(70.0, 72.0, {"neutral": 0.3, "angry": 0.3, "sad": 0.4}),
    )
    timeline = Timeline("a.wav", 90.0, ("neutral", "angry", "sad"), parts, uncertain_below=0.45)
    found = timeline.overall()
    assert found.speech == 27.0
    data = found.to_dict()
    assert data["speech"] == 27.0
    assert data["summary"]["shares"] == {"angry": 0.5556, "neutral": 0.3704, "sad": 0.0741}
    assert [part["start"] for part in data["summary"]["moments"]] == [25.0]  # "sad" is uncertain
    first, second, third = data["summary"]["thirds"]
    assert (first["start"], first["end"], first["emotion"]) == (0.0, 30.0, "angry")
    assert first["probabilities"]["neutral"] == pytest.approx((10 * 0.7 + 15 * 0.1) / 25)
    assert (second, third["emotion"]) == (None, "sad")
    assert found.summary.describe() == {
        "share of time": "angry 56%, neutral 37%, sad 7%",
        "strongest": "angry 80% at 0:25",
        "in thirds": "angry 48% → no speech → sad 40%",
    }
    for shown in (found, timeline):
        assert "strongest: angry 80% at 0:25" in repr(shown)
        assert "strongest: angry 80% at 0:25" in shown._repr_html_()
    assert Timeline("a.wav", 29.0, ("sad",), parts[:1]).overall().summary is None


def test_prediction_reprs_are_short():
    assert repr(Prediction("a.wav", 1.5, {"sad": 1.0})) == "Prediction('a.wav', 1.50 s: sad 1.00)"
    unsure = Prediction("a.wav", 1.5, {"sad": 0.4, "fear": 0.3}, uncertain_below=0.5, speech=1.0)
    shown = "Prediction('a.wav', 1.50 s, 1.00 s of speech: uncertain, sad 0.40, fear 0.30)"
    assert repr(unsure) == shown
    assert unsure.likeliest == {"sad": 0.4, "fear": 0.3}
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
