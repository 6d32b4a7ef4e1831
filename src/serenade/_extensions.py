"""Load a user's own corpus or system from a Python file."""

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
    """Return whether a name is the path of a Python file.

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
    """Run a Python file and return an object that it defines.

    The folder of the file is added to the end of `sys.path`, so that the file can import its
    neighbours and worker processes can import the file. The file runs once in a process.

    Args:
        path: of the file.
        name: of the object.
        kind: type that the object must have.
        example: code that creates such an object, for error messages.
        error: type of the errors that are raised.

    Raises:
        SerenadeError: as `error`: the file does not exist, another module has its name, it fails
            when it runs, or it does not define an object of this name and type.
    """
    module = _import_file(Path(path).expanduser().resolve(), str(path), error)
    if not hasattr(module, name):
        raise error(f"{path}: defines no {name}; end it with {example}")
    found = getattr(module, name)
    if not isinstance(found, kind):
        raise error(f"{path}: its {name} is a {type(found).__name__}; make it by {example}")
    return found


def check_file(path: str | os.PathLike[str], error: type[SerenadeError]) -> None:
    """Raise an error if a Python file does not exist.

    Args:
        path: of the file.
        error: type of the error.

    Raises:
        SerenadeError: as `error`: it does not exist.
    """
    if not Path(path).expanduser().is_file():
        raise error(f"{path}: no such file; give the path of a Python file, or a built-in name")


def _import_file(path: Path, shown: str, error: type[SerenadeError]) -> ModuleType:
    """Import a file under its own name, which is the same in every process."""
    check_file(shown, error)
    if not path.stem.isidentifier():
        raise error(
            f"{shown}: {path.stem} is not the name of a module; rename the file to letters, digits "
            "and underscores"
        )
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()
    spec = sys.modules[path.stem].__spec__ if path.stem in sys.modules else _find_spec(path.stem)
    origin = getattr(spec, "origin", None)
    if origin is None or Path(origin).resolve() != path:
        raise error(
            f"{shown}: another module, {origin or 'built in'}, has the name {path.stem} as well; "
            "rename the file"
        )
    try:
        return importlib.import_module(path.stem)
    except SerenadeError:
        raise
    # A user's file can raise any error: the message names its line.
    except Exception as failure:
        line = _find_line(failure, path)
        raise error(
            f"{shown}{line}: {type(failure).__name__}: {failure}; correct it there"
        ) from failure


def _find_spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # the module was created without a spec
        return None


def _find_line(failure: BaseException, path: Path) -> str:
    """Return the line of the file that raised an error, as a clause."""
    if isinstance(failure, SyntaxError):
        return f", line {failure.lineno}"
    number, trace = None, failure.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            number = trace.tb_lineno
        trace = trace.tb_next
    return "" if number is None else f", line {number}"
