"""Open a folder that has a subfolder of recordings for each emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade.corpora._discovery import scan_recordings, to_absolute, to_relative
from serenade.corpora._rows import collect_rows
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from serenade.corpora._corpus import Corpus


def load_class_folders(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open a folder in which each subfolder has the name of an emotion and holds its recordings.

    Args:
        path: the folder. Recordings may lie deeper inside a subfolder; speakers are unknown.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Raises:
        CorpusError: no subfolder holds recordings.
    """
    root = to_absolute(path)
    files, problems = scan_recordings(root, root)
    inside = [to_relative(file, root) for file in files]
    rows = [
        (number, {"file": file, "emotion": file.split("/")[0]})
        for number, file in enumerate((file for file in inside if "/" in file), start=1)
    ]
    if not rows:
        raise CorpusError(
            f"{path}: no subfolder holds recordings; give a folder with a subfolder for each "
            "emotion, or a manifest"
        )
    return collect_rows(
        root.name,
        str(path),
        rows,
        root,
        problems,
        labels=labels,
        drop_duplicates=drop_duplicates,
    )
