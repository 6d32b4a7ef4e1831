"""Open a corpus by its name, by the path of a manifest, or by the path of a Python file."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from serenade import _extensions
from serenade._registry import Registry
from serenade.corpora._corpus import CorpusInfo, Loader
from serenade.corpora._labels import list_labels
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os

    from serenade.corpora._corpus import Corpus

_REGISTRY = Registry(
    kind="corpus",
    package="serenade.corpora",
    attribute="",
    error=CorpusError,
    variants={
        "paired-nemo": "_paired:PAIRED_NEMO",
        "paired-ravdess": "_paired:PAIRED_RAVDESS",
        "paired-ravdess-x4": "_paired:PAIRED_RAVDESS_X4",
    },
    files="a .csv or .tsv manifest, of a folder with a subfolder for each emotion, or of a .py "
    "file with INFO and load",
)
_TABLES = {".csv", ".tsv"}
_INFO_EXAMPLE = "INFO = CorpusInfo(name=..., title=..., licence=..., ...)"
_LOAD_EXAMPLE = "def load(root, *, labels=None, drop_duplicates=False): ..."


def names() -> tuple[str, ...]:
    """Return the names of the corpora that can be opened by name.

    >>> "ravdess" in names()
    True
    """
    return _REGISTRY.names()


def check_name(name: str | os.PathLike[str]) -> None:
    """Raise an error if `open` does not know this name; no corpus is imported or read.

    Args:
        name: as in `open`.

    Raises:
        CorpusError: no corpus has this name, or the manifest does not exist.

    >>> check_name("ravdess")
    """
    if name == "synthetic":
        raise CorpusError(
            "no corpus 'synthetic'; it is now examples/synthetic_corpus.py in the repository: "
            "give the path of this file"
        )
    if Path(name).suffix.lower() in _TABLES:
        if not Path(name).expanduser().exists():
            raise CorpusError(f"{name}: no such file; give the path of a .csv or .tsv manifest")
    elif not Path(name).is_dir():
        _REGISTRY.check_name(name)


def describe(name: str | os.PathLike[str]) -> CorpusInfo:
    """Return the facts about a corpus: licence, citation, labels, counts, source.

    Args:
        name: as in `get`.

    Raises:
        CorpusError: as in `get`.

    >>> describe("ravdess").expected.files
    1440
    """
    return get(name).info


def get(name: str | os.PathLike[str]) -> Loader:
    """Return the loader of a corpus: the facts about it, and the function that opens it.

    Args:
        name: one of `names()`, or the path of a `.py` file with `INFO` and
            `load(root, **options)`; see `examples/own_corpus.py`.

    Raises:
        CorpusError: no corpus has this name, or the file cannot be used.

    >>> get("emodb").info.languages
    ('de',)
    """
    if _extensions.is_python_file(name):
        return Loader(
            _extensions.load_attribute(name, "INFO", CorpusInfo, _INFO_EXAMPLE, CorpusError),
            _extensions.load_attribute(name, "load", FunctionType, _LOAD_EXAMPLE, CorpusError),
        )
    check_name(name)
    found = _REGISTRY.get(name)
    return found if isinstance(found, Loader) else Loader(found.INFO, found.load)


def open(  # noqa: A001 - reads as `corpora.open(...)`
    name: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    label_column: str = "emotion",
    target: str = "emotion",
    **options: Any,
) -> Corpus:
    """Open and check a corpus.

    Args:
        name: as in `get`, or the path of a `.csv` or `.tsv` manifest, or of a folder with a
            subfolder for each emotion.
        root: the corpus' folder or a folder that contains it; for a manifest, the folder its
            relative paths start from (by default its own).
        label_column: column of the table that holds the labels to learn, such as gender.
        target: what is learnt: `emotion`, `votes` (how raters' votes divide over the emotions),
            or one or several columns of numbers, such as `arousal,valence`. See
            `Corpus.select_targets`.
        options: the loader's own; all take `labels` (the emotions to keep) and
            `drop_duplicates` (keep one of byte-identical recordings).

    Raises:
        CorpusError: nothing usable is there. Lesser problems are in `Corpus.problems`.
    """
    if "labels" in options:
        options["labels"] = list_labels(options["labels"])
    if target != "emotion":
        opened = open(name, root, label_column=label_column, **options, **_keep_rated(name))
        return opened.select_targets(*target.split(","))
    if Path(name).suffix.lower() in _TABLES:
        from serenade.corpora._manifest import load_manifest

        return load_manifest(name, root, label_column=label_column, **options)
    if label_column != "emotion":
        labels = options.pop("labels", None)
        return open(name, root, **options).label_by(label_column).select(labels=labels)
    if str(name) not in names() and Path(name).is_dir():
        from serenade.corpora._class_folders import load_class_folders

        return load_class_folders(name, **options)
    return get(name).load(root, **options)


def _keep_rated(name: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the option that keeps recordings without an emotion, if the loader has it."""
    if Path(name).suffix.lower() in _TABLES:
        return {"rated": True}
    if str(name) not in names() and Path(name).is_dir():
        return {}
    known = "rated" in inspect.signature(get(name).load).parameters
    return {"rated": True} if known else {}


def fetch(name: str, destination: str | os.PathLike[str]) -> Path:
    """Download a corpus that is public by address, with its checksum verified.

    Args:
        name: one of `names()`.
        destination: the folder to make; `open(name, destination)` reads it.

    Returns:
        The folder.

    Raises:
        CorpusError: no verified download of this corpus is known, or it failed.
        MissingExtraError: the extra "train" is not installed.
    """
    info = describe(name)
    if info.archive is None:
        raise CorpusError(f"{name}: cannot be downloaded from here; {info.obtain}")
    from serenade.corpora import _download

    return _download.download_archive(info.archive.url, info.archive.checksum, destination)
