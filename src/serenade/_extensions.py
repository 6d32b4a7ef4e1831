"""Users' own corpora and systems: one Python file, named by its path where a name is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.errors import SerenadeError

if TYPE_CHECKING:
    import os
    from types import ModuleType


def is_python_file(name: str | os.PathLike[str]) -> bool:
    """Whether a name means a file of Python instead of something built in.

    >>> is_python_file("mine/own_system.py"), is_python_file("whisper-probe")
    (True, False)
    """
    return Path(name).suffix.lower() == ".py"


def load_attribute(
    path: str | os.PathLike[str],
    name: str,
    kind: type,
    example: str,
    error: type[SerenadeError] = SerenadeError,
) -> Any:
    """Run a file of Python and take something from it.

    The file's folder goes to the end of `sys.path`, as that of a script goes to its beginning: the
    file can import its neighbours, and worker processes can import the file. It runs once, however
    often it is asked for.

    Args:
        path: of the file.
        name: what is taken.
        kind: what it has to be.
        example: how it is made, for the message to somebody who has none.
        error: raised on any mistake.

    Raises:
        SerenadeError: as `error`: no such file, one that another module hides, one that fails as
            it runs, or has nothing of this name and kind.
    """
    module = _module(Path(path).expanduser().resolve(), str(path), error)
    if not hasattr(module, name):
        raise error(f"{path}: defines no {name}; end it with {example}")
    found = getattr(module, name)
    if not isinstance(found, kind):
        raise error(f"{path}: its {name} is a {type(found).__name__}; make it by {example}")
    return found


def _module(path: Path, shown: str, error: type[SerenadeError]) -> ModuleType:
    """The module of a file, under the file's own name so that processes agree about it."""
    if not path.is_file():
        raise error(f"{shown}: no such file; give the path of a Python file, or a built-in name")
    if not path.stem.isidentifier():
        raise error(
            f"{shown}: {path.stem} is no name of a module; rename the file to letters, digits "
            "and underscores"
        )
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()
    spec = sys.modules[path.stem].__spec__ if path.stem in sys.modules else _spec(path.stem)
    origin = getattr(spec, "origin", None)
    if origin is None or Path(origin).resolve() != path:
        raise error(
            f"{shown}: another module, {origin or 'built in'}, is called {path.stem}, too; "
            "rename the file"
        )
    try:
        return importlib.import_module(path.stem)
    except SerenadeError:
        raise
    # Whatever a user's file raises, its line is what helps.
    except Exception as failure:
        line = _line(failure, path)
        raise error(
            f"{shown}{line}: {type(failure).__name__}: {failure}; correct it there"
        ) from failure


def _spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # a module made by hand
        return None


def _line(failure: BaseException, path: Path) -> str:
    """Where in the file it went wrong, as a clause."""
    if isinstance(failure, SyntaxError):
        return f", line {failure.lineno}"
    number, trace = None, failure.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            number = trace.tb_lineno
        trace = trace.tb_next
    return "" if number is None else f", line {number}"
