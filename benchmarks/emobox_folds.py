"""EmoBox: speakers that the folds it publishes share between training and test.

    python -m benchmarks.emobox_folds --folds FOLDS.csv --output docs/benchmarks/emobox_folds.md

The table has a row for each file in each fold of EmoBox (Ma et al. 2024, arXiv:2406.07162), with
the columns corpus, fold, split, file and emotion.
"""

from __future__ import annotations

import collections
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runner import format_interval, format_page, run_benchmark
from serenade._printable import format_table
from serenade.evaluation import RUN_FILE_SUFFIX, make_adapted_report, read_runs
from serenade.protocols import list_fold_speakers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from serenade.evaluation import Report


RUNS = Path(__file__).parents[1] / "results" / "whisper-probe" / f"emodb{RUN_FILE_SUFFIX}"
PRINTED = 0.926
"""UA on EMO-DB of EmoBox's benchmark."""


ROWS = (
    ("emodb-random-complete", "whisper-probe"),
    ("emodb-speaker-independent-complete", "whisper-probe"),
    ("emodb-speaker-independent-whisper-base", "whisper-probe, C 0.0005"),
    ("emodb-speaker-independent-whisper-base-mean", "whisper-probe, recipe transfer"),
)
"""Run and name of each row."""


def read_scores() -> Iterator[dict[str, Any]]:
    """Yield UA of whisper-probe on the complete EMO-DB, on known and on unseen speakers."""
    for run, system in ROWS:
        (report,) = read_runs(RUNS, run).values()
        yield describe_score(report, system)
        if report.adapted is not None:
            yield describe_score(make_adapted_report(report), f"{system}, adapted")


def describe_score(report: Report, system: str) -> dict[str, Any]:
    """Return UA of a report with its interval, protocol and kind of test speakers."""
    found = report.metrics["ua"]
    protocol = report.notes[0].partition(": ")[2].partition(", or")[0]
    ends = found.to_dict()
    known = {"protocol": protocol, "shared": not report.speaker_independent}
    return {"system": system, **known, **ends}


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Count the speakers of each fold; the result is written to JSON."""
    return {
        "emodb": list(read_scores()),
        "folds": [
            {
                "corpus": one.corpus,
                "fold": one.fold,
                "trained": len(one.trained),
                "tested": len(one.tested),
                "shared": len(one.shared),
                "unknown": one.unknown,
            }
            for one in list_fold_speakers(chosen.folds)
        ],
    }


def format_result(result: dict[str, Any]) -> str:
    """Format the page: a row for each corpus."""
    by_corpus = collections.defaultdict(list)
    for fold in result["folds"]:
        by_corpus[fold["corpus"]].append(fold)
    rows = []
    for corpus, folds in by_corpus.items():
        tested = sum(fold["tested"] for fold in folds)
        shared = sum(fold["shared"] for fold in folds)
        verdict = "shares speakers" if shared else "unseen speakers"
        if not any(fold["trained"] for fold in folds):
            verdict = "lists of training are missing"
        counts = [str(len(folds)), str(tested), str(shared)]
        rows.append([corpus, *counts, str(max(fold["unknown"] for fold in folds)), verdict])
    head = ["corpus", "folds", "test speakers", "of these trained on", "files unknown", "result"]
    return format_page(
        "Speakers in the folds of EmoBox",
        "EmoBox (Ma et al. 2024, arXiv:2406.07162) has folds of 32 corpora. The table\n"
        "lists the corpora whose file names identify the speaker. Test speakers are summed over\n"
        "the folds of a corpus. A result on folds that share speakers does not predict results\n"
        "on new speakers.\n"
        "Made by `serenade audit folds.csv` and `benchmarks/emobox_folds.py`.",
        format_table(head, rows, "lrrrrl"),
        format_emodb(result["emodb"]),
    )


def format_emodb(scores: Sequence[dict[str, Any]]) -> str:
    """Format what a result on EMO-DB is worth on shared and on unseen speakers."""
    trained = {True: "trained on", False: "unseen"}
    rows = [["EmoBox, as published", "its folds", trained[True], f"{PRINTED:.3f}"]]
    rows += [
        [one["system"], one["protocol"], trained[one["shared"]], format_interval(one)]
        for one in scores
    ]
    return (
        "## EMO-DB\n\n"
        "EmoBox's folds of EMO-DB train on all test speakers, so compare its UA with that of a\n"
        "random split. Intervals are over speakers. The [leaderboard](../../results) has more\n"
        "systems.\n\n"
        + format_table(["system", "protocol", "test speakers", "UA"], rows, "lllr")
        + "\n\nThe rows named `adapted` are adapted to the unlabelled test recordings of each\n"
        "speaker, with mixed emotions expected. They are transductive: all tested recordings of a\n"
        "speaker, without their labels, take part in the predictions. The settings of the\n"
        "adaptation were chosen on corpora that include EMO-DB ([adaptation](adaptation.md)). So\n"
        "were the C of 0.0005, the penalty of version 0.1, and the layers, the penalty and the\n"
        "number of copies of the last two rows, which are those of the bundled model."
    )


OPTIONS = {"--folds": {"type": Path, "required": True, "help": "table of folds, CSV"}}


if __name__ == "__main__":
    run_benchmark(__doc__ or "", measure, format_result, OPTIONS, corpora=False)
