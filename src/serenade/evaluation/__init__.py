"""Evaluation: protocols divide a corpus, metrics and intervals score it, a report says it all."""

from serenade.errors import EvaluationError
from serenade.evaluation.folds import Fold, read_folds, write_folds
from serenade.evaluation.metrics import (
    confusion,
    f1_macro,
    f1_weighted,
    recalls,
    unweighted_accuracy,
    weighted_accuracy,
)
from serenade.evaluation.protocols import PROTOCOLS, Protocol, get
from serenade.evaluation.report import FoldResult, Prediction, Report
from serenade.evaluation.run import evaluate
from serenade.evaluation.statistics import Interval, holm, intervals, mcnemar, paired_permutation

__all__ = [
    "PROTOCOLS",
    "EvaluationError",
    "Fold",
    "FoldResult",
    "Interval",
    "Prediction",
    "Protocol",
    "Report",
    "confusion",
    "evaluate",
    "f1_macro",
    "f1_weighted",
    "get",
    "holm",
    "intervals",
    "mcnemar",
    "paired_permutation",
    "read_folds",
    "recalls",
    "unweighted_accuracy",
    "weighted_accuracy",
    "write_folds",
]
