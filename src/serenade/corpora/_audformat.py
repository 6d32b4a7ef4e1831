"""Convert corpora to and from audformat, the interchange format of audb."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.corpora._discovery import to_relative
from serenade.corpora._rows import collect_rows
from serenade.errors import CorpusError, MissingExtraError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from types import ModuleType

    import pandas as pd

    from serenade.corpora._corpus import Corpus


def _import_audformat() -> ModuleType:
    try:
        import audformat
    except ImportError as error:
        raise MissingExtraError("exchanging corpora with audformat", "audformat") from error
    module: ModuleType = audformat
    return module


def to_audformat(corpus: Corpus) -> Any:
    """Convert a corpus to an `audformat.Database`.

    Args:
        corpus: files below its root are named relative to it, which makes the database
            portable.

    Returns:
        A database with one segmented table, `segments`, and a scheme per column.

    Raises:
        MissingExtraError: audformat is not installed.
    """
    audformat = _import_audformat()
    info, table = corpus.info, corpus.table
    database = audformat.Database(
        info.name,
        source=info.url,
        usage=audformat.define.Usage.OTHER,
        languages=list(info.languages),
        description=f"{info.title}. {info.citation}",
        license=info.licence,
    )
    names = {"emotion": corpus.labels, "speaker": corpus.speakers}
    kinds = {"i": "int", "f": "float"}
    index = audformat.segmented_index(
        [to_relative(file, corpus.root) for file in table.index.get_level_values("file")],
        table.index.get_level_values("start"),
        table.index.get_level_values("end"),
    )
    segments = database["segments"] = audformat.Table(index)
    for column in table.columns:
        database.schemes[column] = (
            audformat.Scheme(labels=list(names[column]))
            if names.get(column)
            else audformat.Scheme(kinds.get(table[column].dtype.kind, "str"))
        )
        segments[column] = audformat.Column(scheme_id=column)
        segments[column].set(table[column].to_list())
    return database


def from_audformat(
    database: Any,
    root: str | os.PathLike[str],
    *,
    table: str = "segments",
    columns: Mapping[str, str] | None = None,
) -> Corpus:
    """Read one table of an `audformat.Database`; its rows are checked like those of a manifest.

    Args:
        database: the database; its tables can be filewise or segmented.
        root: the folder that its relative paths start from.
        table: the table to read. Speakers that it lacks are taken from another table.
        columns: the table's names of columns by the toolkit's, for instance
            `{"emotion": "label"}`; the others keep theirs.

    Raises:
        CorpusError: the table does not exist, has no emotions, or has no valid row.
        MissingExtraError: audformat is not installed.
    """
    audformat = _import_audformat()
    import pandas as pd

    if table not in database.tables:
        raise CorpusError(
            f'{database.name}: no table "{table}"; it has {", ".join(database.tables)}'
        )
    frame = database[table].get()
    frame.index = audformat.utils.to_segmented_index(frame.index)
    theirs_speaker = (columns or {}).get("speaker", "speaker")
    if theirs_speaker not in frame:
        frame = _add_speakers(database, table, frame, theirs_speaker)
    frame = frame.rename(columns={theirs: ours for ours, theirs in (columns or {}).items()})
    if "emotion" not in frame:
        raise CorpusError(
            f'{database.name}: no column emotion in table "{table}", which has '
            f'{", ".join(frame.columns)}; name it: columns={{"emotion": …}}'
        )
    entries = [
        (number, {name: None if pd.isna(value) else str(value) for name, value in row.items()})
        for number, row in enumerate(frame.reset_index().to_dict("records"), start=1)
    ]
    corpus = collect_rows(database.name, f'{database.name}, table "{table}"', entries, Path(root))
    info = dataclasses.replace(
        corpus.info,
        licence=str(database.license or corpus.info.licence),
        citation=database.description or corpus.info.citation,
        url=database.source or "",
    )
    return dataclasses.replace(corpus, info=info)


def _add_speakers(database: Any, table: str, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a segmented table with the speakers that another table of the database states."""
    import audformat

    for name in database.tables:
        other = database[name].get() if name != table else frame
        if column not in other:
            continue
        if audformat.is_filewise_index(other.index):
            files = frame.index.get_level_values("file")
            speakers = other[column].reindex(files).to_numpy()
        else:
            speakers = other[column].reindex(frame.index).to_numpy()
        return frame.assign(**{column: speakers})
    return frame
