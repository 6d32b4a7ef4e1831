"""Krishna D N & Reddy."""

from __future__ import annotations

from serenade.reproduce.base import Paper, Place, Row, Table

_FAST = {"epochs": 3}
_PLACES = (
    Place("iemocap", protocol="session"),
    Place("paired-ravdess", protocol="groups", plan={"groups": 5}, stands_for="IEMOCAP"),
)
_OTHERS = "published by others; not one of the five papers"


def _row(name: str, ua: float, **changes: str | int) -> Row:
    return Row(name, {"ua": ua}, system="dual-bilstm", changes=changes, fast=_FAST)


PAPER = Paper(
    name="dual-bilstm",
    title="Multi-modal speech emotion recognition using Speech2Vec embeddings",
    citation="Krishna D N & Reddy",
    tables=(
        Table(
            "Table 1",
            "Unweighted accuracy of one kind of input alone.",
            (
                _row("Acoustic feature only model", 0.5501, branches="acoustic"),
                _row("Speech embedding only model", 0.6003, branches="words"),
                _row("Word embedding only model", 0.6068, branches="words", vectors="glove-6b-50d"),
            ),
            _PLACES,
        ),
        Table(
            "Table 2",
            "Unweighted accuracy, compared with others.",
            (
                _row("Bi-LSTM", 0.5503, branches="acoustic"),
                Row("E-Vector", {"ua": 0.5725}, reason=_OTHERS),
                Row("MCNN + LSTM", {"ua": 0.6433}, reason=_OTHERS),
                Row("E-vector + MCNN + LSTM", {"ua": 0.659}, reason=_OTHERS),
                _row("Our system", 0.6849),
            ),
            _PLACES[:1],
        ),
    ),
    notes=("The paper tests on IEMOCAP's session 5 only; here every session is tested in turn.",),
)
