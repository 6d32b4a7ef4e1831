"""Open a corpus by name, by the path of a manifest, or by the path of a Python file."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import _extensions
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from serenade.corpora._corpus import Corpus, CorpusInfo


_MODULES = {
    "casia": "casia",
    "emodb": "emodb",
    "iemocap": "iemocap",
    "nemo": "nemo",
    "paired-nemo": "paired_nemo",
    "paired-ravdess": "paired_ravdess",
    "paired-ravdess-x4": "paired_ravdess_x4",
    "ravdess": "ravdess",
    "synthetic": "synthetic",
}


def names() -> tuple[str, ...]:
    """The corpora that can be opened by name.

    >>> "ravdess" in names()
    True
    """
    return tuple(sorted(_MODULES))


def describe(name: str) -> CorpusInfo:
    """What is known about a corpus: licence, citation, labels, counts, where to get it.

    Args:
        name: one of `names()`, or the path of a `.py` file as of `open`.

    Raises:
        CorpusError: no corpus of this name, or a file that cannot be used.

    >>> describe("ravdess").expected.files
    1440
    """
    if _extensions.is_python_file(name):
        from serenade.corpora._corpus import CorpusInfo

        example = "INFO = CorpusInfo(name=..., title=..., licence=..., ...)"
        own: CorpusInfo = _extensions.load_attribute(name, "INFO", CorpusInfo, example, CorpusError)
        return own
    info: CorpusInfo = _module(name).INFO
    return info


def open(  # noqa: A001 - reads as `corpora.open(...)`
    name: str | os.PathLike[str], root: str | os.PathLike[str] | None = None, **options: Any
) -> Corpus:
    """Open and check a corpus.

    Args:
        name: one of `names()`, the path of a `.csv` or `.tsv` manifest, or of a `.py` file with
            `INFO` and `load(root, **options)`; see `examples/own_corpus.py`.
        root: the corpus' folder or a folder that contains it; for a manifest, the folder its
            relative paths start from (by default its own).
        options: the loader's own; all take `labels` (the emotions to keep) and
            `drop_duplicates` (keep one of byte-identical recordings).

    Raises:
        CorpusError: nothing usable is there. Lesser problems are in `Corpus.problems`.
    """
    if Path(name).suffix.lower() in {".csv", ".tsv"}:
        from serenade.corpora import _manifest

        return _manifest.load_manifest(name, root, **options)
    corpus: Corpus = _loader(name)(root, **options)
    return corpus


def _loader(name: str | os.PathLike[str]) -> Callable[..., Any]:
    """What opens a corpus that has a name, or a file of its own."""
    if not _extensions.is_python_file(name):
        return _module(str(name)).load  # type: ignore[no-any-return]
    from types import FunctionType

    describe(str(name))
    example = "def load(root, *, labels=None, drop_duplicates=False): ... return checked(...)"
    load: Callable[..., Any] = _extensions.load_attribute(
        name, "load", FunctionType, example, CorpusError
    )
    return load


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


def _module(name: str) -> Any:
    """The module of a corpus, imported when it is asked for."""
    if name not in _MODULES:
        raise CorpusError(
            f"{name}: no corpus of this name; choose from {', '.join(names())}, "
            "or give the path of a .csv or .tsv manifest, or of a .py file with INFO and load"
        )
    return importlib.import_module(f"serenade.corpora.{_MODULES[name]}")
