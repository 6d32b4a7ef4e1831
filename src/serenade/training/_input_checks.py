"""Checks of what a user gives an estimator as recordings and labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._targets import Targets
from serenade.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

INDEX = ("file", "start", "end")
"""Index levels of a table of recordings."""

_FORMS = "give rows of a corpus' table (corpora.open(...).table) or a list of paths"


def check_rows(X: Any) -> pd.DataFrame:
    """Return a table of recordings for rows of a corpus table or for a list of paths.

    Args:
        X: a table indexed by file, start and end, or paths of whole files.

    Raises:
        InputError: `X` is something else, or empty.

    >>> check_rows(["a.wav", "b.wav"]).index.get_level_values("file").tolist()
    ['a.wav', 'b.wav']
    """
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        if tuple(X.index.names) != INDEX:
            raise InputError(
                f"X: a table with the index {list(X.index.names)}, not file, start, end; {_FORMS}"
            )
        table = X
    elif isinstance(X, (str, os.PathLike)):
        raise InputError(f"X: one path; give a list of paths: [{os.fspath(X)!r}]")
    else:
        table = _list_files(X)
    if len(table) == 0:
        raise InputError(f"X: no recordings; {_FORMS}")
    return table


def _list_files(X: Any) -> pd.DataFrame:
    """Return a table of whole files, one row for each path."""
    import pandas as pd

    try:
        values = list(X)
    except TypeError:
        values = [None]
    if not all(isinstance(value, (str, os.PathLike)) for value in values):
        raise InputError(f"X: a {type(X).__name__} that does not hold paths; {_FORMS}")
    count = len(values)
    times = [pd.TimedeltaIndex([time] * count) for time in (pd.Timedelta(0), pd.NaT)]
    index = pd.MultiIndex.from_arrays([list(map(os.fspath, values)), *times], names=INDEX)
    return pd.DataFrame(index=index)


def check_answers(y: Any, count: int) -> tuple[NDArray[np.str_], Targets | None]:
    """Return the emotions of recordings, and their targets if a table of numbers is given.

    Args:
        y: one emotion for each recording; or a table with a column for each target.
        count: number of recordings.

    Raises:
        InputError: `y` is something else, is missing, or has gaps or another length.
    """
    import pandas as pd

    if not isinstance(y, pd.DataFrame):
        return check_labels(y, count), None
    targets = Targets.of(y, count)
    return targets.labels, targets


def check_labels(y: Any, count: int) -> NDArray[np.str_]:
    """Return the emotions of recordings as an array of text.

    Args:
        y: one emotion for each recording.
        count: number of recordings.

    Raises:
        InputError: `y` is missing, has gaps or another length.

    >>> check_labels(["sad", "happy"], 2)
    array(['sad', 'happy'], dtype='<U5')
    """
    import pandas as pd

    if y is None:
        raise InputError("y: None; give one emotion for each recording")
    labels = np.asarray(y)
    if labels.shape != (count,):
        raise InputError(
            f"y: shape {labels.shape} for {count} recordings; give one emotion for each recording"
        )
    if pd.isna(labels).any():
        raise InputError("y: some recordings have no emotion; leave them out of X and y")
    return labels.astype(str)


def require_column(rows: pd.DataFrame, name: str, purpose: str) -> None:
    """Refuse a table without values in a column that is needed.

    Args:
        rows: table of recordings.
        name: of the column.
        purpose: operation that needs the column, for the message.

    Raises:
        InputError: the column is missing, or has gaps.
    """
    if name not in rows or rows[name].isna().any():
        raise InputError(f"X: {purpose} needs the column {name} without gaps; add it to the table")
