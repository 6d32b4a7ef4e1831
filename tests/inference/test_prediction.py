"""What predictions look like as data."""

from serenade.inference import Prediction, Window


def test_a_prediction_as_json():
    made = Prediction("a.wav", 1.23456, {"angry": 0.25, "sad": 0.75})
    assert made.to_dict() == {
        "file": "a.wav",
        "duration": 1.235,
        "emotion": "sad",
        "probability": 0.75,
        "probabilities": {"angry": 0.25, "sad": 0.75},
    }


def test_a_window_as_json():
    made = Window("a.wav", 9.0, {"angry": 1.0, "sad": 0.0}, start=1.0, end=4.0, speech=False)
    assert made.to_dict() == {
        "start": 1.0,
        "end": 4.0,
        "speech": False,
        "emotion": "angry",
        "probability": 1.0,
        "probabilities": {"angry": 1.0, "sad": 0.0},
    }
