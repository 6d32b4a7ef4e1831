"""Page of a stress test, with thresholds and verdicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from serenade._printable import format_table, to_printable
from serenade.corpora import mark_incomplete
from serenade.evaluation._statistics import format_interval
from serenade.evaluation._stress import SHARE_GAP, UA_FALL, UA_GAP, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.evaluation._fairness import GroupScore
    from serenade.evaluation._robustness import ConditionScore
    from serenade.evaluation._statistics import Interval
    from serenade.evaluation._stress import CorpusStress, StressReport

INTRODUCTION = f"""\
UA is the mean recall of the emotions. Intervals (95%) are bootstrapped over speakers and widened
for few speakers; no model is trained again. The idea of such a page is that of Derington et al.
2023 (arXiv:2312.06270); tests and thresholds are ours.

Thresholds were set before anything was measured:

- fairness: UA of a group differs from that of all other speakers by at most {UA_GAP:.2f}, and no
  emotion is predicted more or less often by over {SHARE_GAP:.2f} (if all emotions were spoken
  equally often);
- robustness: UA falls by at most {UA_FALL:.2f}, and at least {UNCHANGED:.0%} of the predictions
  stay the same.

`met` and `missed` are about the measured value. With a question mark, the interval of the
difference contains values on both sides of the threshold, so other speakers might decide otherwise.

Each condition changes the same recordings. Noise and babble have the stated signal-to-noise ratio
over the whole recording; the babble is six recordings of other speakers of the corpus. Telephone:
300 to 3400 Hz and 8-bit µ-law. Reverberation: noise that decays by 60 dB in the stated time, as
loud as the direct sound. Spectral tilt: around 1 kHz, at the same level. Speech that is missing or
kept is found by its energy. Recordings without an answer, because no speech is found, count as
wrong. Column `probability`: mean change of the probability of the emotion that was predicted for
the unchanged recording."""
"""What the tables of a page mean."""


def format_stress(report: StressReport) -> str:
    """Return the page of a stress test in Markdown, ending with a line break.

    Args:
        report: results to format.
    """
    title = f"# Fairness and robustness of {report.model}"
    return f"{title}\n\n{INTRODUCTION}\n\n{format_results(report)}"


def format_results(report: StressReport) -> str:
    """Return the results of a page in Markdown, ending with a line break.

    Args:
        report: results to format.
    """
    choice = (
        f"Up to {report.per_speaker} recordings of each of up to {report.speakers} speakers of a "
        f"corpus, chosen at random (seed {report.seed}); emotions and genders take turns."
    )
    lines = ["## Summary", "", choice, "", _tabulate_summary(report)]
    for corpus in report.corpora:
        lines += ["", *_describe_corpus(corpus)]
    if report.languages:
        words = (
            f"Over emotions that all corpora share ({', '.join(report.languages[0].labels)}), "
            "which the model chooses among. A corpus also differs in speakers, recording and "
            "acting, so a difference is not of the language alone."
        )
        lines += ["", "## Languages", "", words, "", _tabulate_groups(report.languages)]
    lines += [""]
    lines += [f"Made by `{report.command}`.", ""] if report.command else []
    lines += [", ".join(f"{name} {version}" for name, version in report.versions.items())]
    return to_printable("\n".join(lines) + "\n", keep="\n")


def judge_group(score: GroupScore) -> str:
    """Return the verdict on a group: `met` or `missed`, with a question mark if not certain."""
    fair = abs(score.difference.value) <= UA_GAP and abs(score.share) <= SHARE_GAP
    doubts = any(_contains(score.difference, edge) for edge in (-UA_GAP, UA_GAP))
    return _word(fair, certain=not doubts)


def judge_condition(score: ConditionScore) -> str:
    """Return the verdict on a condition: `met` or `missed`, with a question mark if not certain."""
    bears = score.change.value >= -UA_FALL and score.unchanged >= UNCHANGED
    return _word(bears, certain=not _contains(score.change, -UA_FALL))


def _tabulate_summary(report: StressReport) -> str:
    rows = [
        [
            corpus.corpus,
            corpus.heard,
            format_interval(corpus.ua),
            _count_met([judge_group(one) for one in corpus.groups]),
            _count_met([judge_condition(one) for one in corpus.conditions]),
        ]
        for corpus in report.corpora
    ]
    return format_table(["corpus", "model", "UA", "groups met", "conditions met"], rows, "llr")


def _describe_corpus(corpus: CorpusStress) -> list[str]:
    """Return the section of a corpus."""
    warning = ""
    if corpus.heard != "not heard in training":
        warning = (
            f" **{corpus.heard[0].upper()}{corpus.heard[1:]}: expect worse figures on new "
            "speakers.**"
        )
    facts = (
        f"{corpus.clips} recordings of {corpus.speakers} speakers; emotions: "
        f"{', '.join(corpus.labels)}; UA {format_interval(corpus.ua)}. Corpus licence: "
        f"{corpus.licence}.{warning}"
    )
    lines = [f"## {mark_incomplete(corpus.corpus, corpus.incomplete)}", "", facts, ""]
    lines += [f"- {note}" for note in corpus.notes]
    if corpus.groups:
        lines += ["", "### Fairness", "", _tabulate_groups(corpus.groups)]
    return [*lines, "", "### Robustness", "", _tabulate_conditions(corpus)]


def _tabulate_groups(groups: Sequence[GroupScore]) -> str:
    head = [
        "",
        "group",
        "recordings",
        "speakers",
        "UA",
        "less the others",
        "largest change of shares",
        "verdict",
    ]
    rows = [
        [
            *(one.attribute, one.group, str(one.clips), str(one.speakers)),
            *(format_interval(one.ua), format_interval(one.difference, sign="+")),
            *(f"{one.share:+.2f} {one.emotion}", judge_group(one)),
        ]
        for one in groups
    ]
    return format_table(head, rows, "llrrrrrl")


def _tabulate_conditions(corpus: CorpusStress) -> str:
    head = ["condition", "UA", "change", "same prediction", "probability", "no answer", "verdict"]
    rows = [
        [
            *(one.condition, f"{one.ua.value:.3f}", format_interval(one.change, sign="+")),
            *(f"{one.unchanged:.0%}", _format_change(one.probability), str(one.unanswered)),
            judge_condition(one),
        ]
        for one in corpus.conditions
    ]
    return format_table(head, rows, "lrrrrrl")


def _count_met(verdicts: Sequence[str]) -> str:
    met = sum(verdict.startswith("met") for verdict in verdicts)
    return f"{met} of {len(verdicts)}" if verdicts else "none known"


def _contains(interval: Interval, edge: float) -> bool:
    """Return whether a threshold may lie on either side of the true value."""
    return math.isnan(interval.low) or interval.low < edge < interval.high


def _word(met: bool, *, certain: bool) -> str:
    return ("met" if met else "missed") + "?" * (not certain)


def _format_change(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:+.2f}"
