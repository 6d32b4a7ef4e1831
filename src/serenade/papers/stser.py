"""Chen & Zhao (2020)."""

from __future__ import annotations

import dataclasses

from serenade.papers._paper_tables import Paper, Place, Row, Table, tune_row

# docs/benchmarks/tuning.md says how the settings of tuned recipes were chosen.
_REMARK = "settings chosen on these folds, as far as is known"
_FAST = {"epochs": 6, "channels": 16, "pool": 4, "cells": 32, "learning_rate": 2e-3}
_IEMOCAP = Place("iemocap", protocol="session")
_PAIRED = Place("paired-ravdess", protocol="groups", plan={"groups": 5}, stands_for="IEMOCAP")


def _make_row(name: str, parts: str, wa: float, ua: float) -> Row:
    return Row(
        name,
        {"wa": wa, "ua": ua},
        system="stser",
        changes={"parts": parts} | ({} if parts == "speech" else {"encoder": "@text"}),
        stated={"encoder": "ALBERT"},
        fast=_FAST,
    )


_ROWS = (
    _make_row("Speech Emotion Classifier", "speech", 0.5335, 0.55),
    _make_row("Text Emotion Classifier", "text", 0.5932, 0.594),
    _make_row("Bimodal Emotion Classifier", "bimodal", 0.7083, 0.717),
    _make_row("STSER", "ensemble", 0.7106, 0.7205),
)


def _make_published_row(name: str, wa: float, ua: float | None) -> Row:
    return Row(name, {"wa": wa, "ua": ua}, reason="published by others; not one of the five papers")


PAPER = Paper(
    name="stser",
    position=2,
    title="A multi-scale fusion framework for bimodal speech emotion recognition",
    citation="Chen & Zhao (2020), Interspeech, 374-378",
    tables=(
        Table(
            "Table 1",
            "Weighted and unweighted accuracy of each classifier and of their average.",
            _ROWS,
            (_IEMOCAP,),
            headline=("STSER",),
            fold_means=True,
        ),
        Table(
            "Table 1, paired",
            "The same rows, by the paper's recipe, on speech and text that are paired by emotion.",
            tuple(dataclasses.replace(row, name=f"paired: {row.name}") for row in _ROWS),
            (_PAIRED,),
            fold_means=True,
        ),
        Table(
            "Table 1",
            "The same rows on speech and text that are paired by emotion, by a recipe for hundreds "
            "of clips.",
            tuple(tune_row(row, remark=_REMARK) for row in _ROWS),
            (_PAIRED,),
            headline=("tuned: STSER",),
            fold_means=True,
        ),
        Table(
            "Table 2",
            "Comparison with other systems that use speech and text.",
            (
                _make_published_row("E_vec-MCNN-LSTM", 0.649, 0.659),
                _make_published_row("MDRE", 0.718, None),
                _make_published_row("Att-align", 0.725, 0.709),
                _make_published_row("IIEmoNet(BE)", 0.735, 0.71),
                _ROWS[-1],
            ),
            (_IEMOCAP,),
        ),
    ),
    notes=(
        (
            "The paper's own protocol, leave one session out, is speaker-independent. The paper "
            "averages scores over the folds; we show the score over all predictions and the mean "
            "over folds. The paired "
            "corpus shows that fusion works; it does not predict scores on IEMOCAP."
        ),
    ),
)
