"""Public names of version 0.1 that moved: using one warns and gives it from its new place.

They are removed in version 0.3; see "Versions and deprecations" in CONTRIBUTING.md.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CORPUS = ("Archive", "Corpus", "CorpusInfo", "Counts", "LABELS", "Problem", "require_labels")
_CONDITIONS = ("Level", "PinkNoise", "Reverberation", "Telephone")
_PROTOCOLS = (
    *("FixedSplit", "GroupKFold", "LeaveOneSessionOut", "LeaveOneSpeakerOut", "PROTOCOLS"),
    *("RandomStratified", "SpeakerIndependent"),
)

MOVED: Mapping[str, Mapping[str, str]] = {
    "audio": {
        "active_part": "audio.find_active_part",
        "frame_power": "audio.compute_frame_power",
    },
    "audio.conditions": {
        **{name: f"audio._conditions.{name}" for name in _CONDITIONS},
        "CONDITIONS": "audio.CONDITIONS",
        "Condition": "audio.Condition",
    },
    "corpora.base": {
        **{name: f"corpora.{name}" for name in _CORPUS},
        "ordered": "corpora.order_labels",
    },
    "corpora.checks": {
        "AudioFacts": "corpora.AudioFacts",
        "checked": "corpora.check_corpus",
        "identical": "corpora.find_identical",
        "inspect": "corpora._checks.inspect_files",
        "missing": "corpora._checks.find_missing",
        "warned": "corpora.add_warning",
    },
    "encoders.voice": {
        "FRAME": "voice_activity.DETECTOR_FRAME",
        "RATE": "voice_activity.DETECTOR_RATE",
        "VoiceActivity": "voice_activity.VoiceActivity",
    },
    "evaluation": {
        "EvaluationError": "errors.EvaluationError",
        "Fold": "protocols.Fold",
        "PROTOCOLS": "protocols._protocols.PROTOCOLS",
        "Prediction": "evaluation.LabelledPrediction",
        "Protocol": "protocols.EvaluationProtocol",
        "get": "protocols.get",
        "holm": "evaluation.adjust_p_values",
        "intervals": "evaluation.compute_intervals",
        "read_folds": "protocols.read_folds",
        "write_folds": "protocols.write_folds",
    },
    "evaluation.compare": {
        "Comparison": "evaluation._compare.Comparison",
        "Entrant": "evaluation.Entrant",
        "SCORES": "evaluation.COMPARED_SCORES",
        "compare": "evaluation.compare_runs",
        "entrants": "evaluation.list_entrants",
        "identity": "evaluation._compare.identify_run",
        "load": "evaluation.load_runs",
        "markdown": "evaluation.format_comparison",
        "table_of_tests": "evaluation.format_tests",
        "to_dict": "evaluation.compare_to_dict",
    },
    "evaluation.leaks": {
        "CHECKED": "evaluation.CHECKED_ROWS",
        "Finding": "evaluation._leaks.Finding",
        "audit": "evaluation.audit_folds",
    },
    "evaluation.protocols": {
        **{name: f"protocols._protocols.{name}" for name in _PROTOCOLS},
        "Given": "protocols.GivenFolds",
        "Protocol": "protocols.EvaluationProtocol",
        "get": "protocols.get",
    },
    "features": {
        "Cache": "extraction.Cache",
        "Segment": "extraction.Clip",
        "extract": "extraction.extract",
    },
    "features.base": {"Feature": "features.Feature"},
    "features.shards": {
        "read_shards": "extraction.read_shards",
        "write_shards": "extraction.write_shards",
    },
    "inference.formats": {
        name: f"inference.{name}" for name in ("to_csv", "to_json", "to_textgrid", "to_webvtt")
    },
    "reproduce": {"get": "papers.get", "names": "papers.names"},
    "systems.base": {
        **{name: f"systems._system.{name}" for name in ("Recipe", "Scaling")},
        **{name: f"systems.{name}" for name in ("NetworkRecipe", "System", "TrainingSet")},
    },
}
"""New places of the names of each module of version 0.1, below `serenade`."""

_REPLACEMENTS: Mapping[str, str] = {
    "serenade.corpora._checks": "serenade.corpora.check_corpus",
    "serenade.evaluation._compare": "serenade.evaluation.compare_runs",
    "serenade.evaluation._leaks": "serenade.evaluation.audit_folds",
    "serenade.protocols._protocols": "serenade.protocols.get",
}
"""Public functions to use instead of names that are private now, by their module."""


def find_moved(
    module: str, find_present: Callable[[str], Any] | None = None
) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module, which gives present names and those that moved.

    The modules of version 0.1 below this one become importable as well.

    Args:
        module: `__name__` of the module.
        find_present: the `__getattr__` for its present names; None if it has none.
    """
    old = module.removeprefix("serenade.")
    for name in MOVED:
        if name.startswith(f"{old}."):
            below = types.ModuleType(f"serenade.{name}", f"Names that moved from serenade.{name}.")
            below.__dict__["__getattr__"] = find_moved(f"serenade.{name}")
            sys.modules.setdefault(f"serenade.{name}", below)

    def find(name: str) -> Any:
        if new := MOVED.get(old, {}).get(name):
            return _load(f"{module}.{name}", f"serenade.{new}")
        if f"{old}.{name}" in MOVED:
            return sys.modules[f"{module}.{name}"]
        if find_present is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return find_present(name)

    return find


class MovedMethod:
    """Method of version 0.1 that is a function now, with the object as its first argument.

    Args:
        old: full name of the method.
        new: full name of the function.
    """

    def __init__(self, old: str, new: str) -> None:
        self._names = (old, new)

    def __get__(self, instance: object, owner: type) -> Callable[..., Any]:
        function = _load(*self._names)
        return function if instance is None else functools.partial(function, instance)


def _load(old: str, new: str) -> Any:
    """Load a name from its new place and warn, with the line that uses the old one."""
    module, _, name = new.rpartition(".")
    public = _REPLACEMENTS.get(module) if "._" in new else new
    hint = f"use {public}" if public else "it has no public replacement"
    warnings.warn(
        f"{old} is deprecated and goes away in version 0.3; {hint}",
        DeprecationWarning,
        stacklevel=3,
    )
    return getattr(importlib.import_module(module), name)
