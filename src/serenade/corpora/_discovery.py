"""Find the folder of a corpus and its recordings; names are compared without their suffix."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._printable import restore_name
from serenade.audio import RECORDING_SUFFIXES
from serenade.corpora._corpus import Problem
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serenade.corpora._corpus import CorpusInfo


def is_recording(path: Path) -> bool:
    """Return whether a file is a recording: by its suffix, and not a `._` file of macOS."""
    return path.suffix.lower() in RECORDING_SUFFIXES and not path.name.startswith("._")


def has_recording(paths: Iterable[Path], name: re.Pattern[str]) -> bool:
    """Return whether one of the files is a recording with a stem that matches `name`."""
    return any(is_recording(path) and name.fullmatch(path.stem) for path in paths)


def to_absolute(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without `..`; links in it are not resolved."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100


def to_relative(path: Path | str, root: Path) -> str:
    """Return a path below `root` relative to it with forward slashes, any other path unchanged."""
    path = Path(path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def join_path(base: Path, name: str) -> str:
    """Return the absolute path of a name in a table, which may be spelt in another way on the disk.

    Args:
        base: folder that relative names start from.
        name: as written in the table.
    """
    return os.path.abspath(base / find_spelling(base, name))  # noqa: PTH100 - keeps links


def find_spelling(base: Path, name: str) -> str:
    r"""Return how a name in a table is spelt on the disk; the name itself if no such file exists.

    Bytes that are not UTF-8 may be escaped, "é" may be one character or two, since macOS and
    archives change that, and `\` may separate folders.

    Args:
        base: folder that relative names start from.
        name: as written in the table.
    """
    forms = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    written = (restore_name(name), name, *forms)
    spellings = (*written, *(one.replace("\\", "/") for one in written))
    found = (one for one in spellings if os.path.exists(base / one))  # noqa: PTH110 - any name
    return next(found, name)


def locate_corpus(
    root: str | os.PathLike[str] | None, info: CorpusInfo, fits: Callable[[Path], bool]
) -> Path:
    """Find the folder of a corpus: `root` itself, or the folder in it that has the layout.

    Args:
        root: the folder that the user gave.
        info: the corpus; folders named in `folders` are preferred.
        fits: returns whether a folder has the layout of the corpus.

    Returns:
        Its absolute path.

    Raises:
        CorpusError: no folder has the layout, or several folders have it.
    """
    if root is None:
        raise CorpusError(f"{info.name}: no folder given; give its root, {info.layout}")
    base = to_absolute(root)
    wanted = f"expected {info.layout}; {info.obtain}"
    if not base.is_dir():
        found = "it is a file" if base.exists() else "there is no such folder"
        raise CorpusError(f"{base}: no {info.title} here: {found}; {wanted}")
    if fits(base):
        return base
    children = sorted(base.iterdir())
    fitting = [child for child in children if child.is_dir() and fits(child)]
    usual = {name.lower() for name in info.folders}
    named = [child for child in fitting if child.name.lower() in usual]
    chosen = named or fitting
    if not chosen:
        found = _list_some([child.name for child in children])
        raise CorpusError(f"{base}: no audio of {info.title} here; {wanted}; found {found}")
    if len(chosen) > 1:
        choices = ", ".join(child.name for child in chosen)
        raise CorpusError(f"{base}: {choices} each look like {info.title}; open one of them")
    return chosen[0]


def _list_some(names: Sequence[str]) -> str:
    """Return the first eight names of the content of a folder."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}" if names else "an empty folder"


def scan_recordings(
    folder: Path, root: Path, key: Callable[[Path], str] | None = None
) -> tuple[list[Path], list[Problem]]:
    """List every recording below a folder once.

    Args:
        folder: the folder to search, with its subfolders.
        root: folder that the paths in problems are relative to.
        key: returns the identity of a recording; by default the path without its suffix.
            Corpora with unique stems return the stem.

    Returns:
        Recordings sorted by path, and problems: copies of a recording (the lossless one that
        comes first is taken) and Mac companions (`._name`).
    """
    found: list[Path] = []
    mac: list[str] = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if name.startswith("._"):
                mac.append(to_relative(path, root))
            elif is_recording(path):
                found.append(path)
    taken: dict[str, Path] = {}
    copies: list[str] = []
    for path in sorted(found, key=lambda p: (RECORDING_SUFFIXES.index(p.suffix.lower()), p)):
        identity = key(path) if key else str(path.with_suffix(""))
        if taken.setdefault(identity, path) is not path:
            copies.append(to_relative(path, root))
    problems = [
        Problem(kind, message, tuple(sorted(files)))
        for kind, message, files in (
            ("twice", "a recording that is here under another suffix or folder; left out", copies),
            ("mac", "companion files a Mac made, no audio; left out", mac),
        )
        if files
    ]
    return sorted(taken.values()), problems


def parse_paths(
    files: Iterable[Path],
    root: Path,
    parse: Callable[[Path], Mapping[str, object] | None],
    layout: str,
) -> tuple[list[dict[str, object]], list[Problem]]:
    """Create a row for each recording from its path.

    Args:
        files: the recordings.
        root: folder to which the paths in problems are relative.
        parse: returns the columns of a recording; None if its name does not have the layout.
        layout: the layout of the names, for the problem.

    Returns:
        The rows as `build_table` takes them, and a problem if recordings have other names.
    """
    rows: list[dict[str, object]] = []
    other: list[str] = []
    for path in files:
        columns = parse(path)
        if columns is None:
            other.append(to_relative(path, root))
        else:
            rows.append({"file": str(path), **columns})
    if not other:
        return rows, []
    return rows, [Problem("name", f"not {layout}; left out", tuple(other))]
