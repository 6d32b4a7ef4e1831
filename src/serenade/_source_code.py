"""Identify a user's own code by the content of its source files.

Results that are kept on disk depend on the code that computed them. The code of this package is
identified by version numbers; a user's code is identified by its file and by all files of the user
that it imports, directly or not. Installed packages are not followed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "serenade"
_IMPORTS = {"__import__", "import_module"}
_DYNAMIC = {*_IMPORTS, "exec", "eval"}


class _UnknownCodeError(Exception):
    """The code cannot be identified."""


def is_own(kind: type) -> bool:
    """Return whether a class belongs to the user, and not to this package.

    >>> is_own(int), is_own(Path), is_own(_UnknownCodeError)
    (False, False, False)
    """
    name = kind.__module__.partition(".")[0]
    return name != _PACKAGE and name not in sys.stdlib_module_names - {"__main__"}


def hash_source_code(*kinds: type) -> str | None:
    """Hash the source code of classes, and of all modules of the user that it imports.

    Args:
        kinds: classes; those of this package and of Python are left out.

    Returns:
        The hash; None if the code cannot be identified: it was typed in a notebook or shell, the
        class was made in a function, a file changed after it was imported, or code imports or
        executes what only a run can tell.

    >>> hash_source_code(type("Made", (), {"__module__": "__main__"})) is None
    True
    """
    files: dict[str, bytes] = {}
    try:
        for kind in filter(is_own, kinds):
            _add_module(_find_module(kind), files)
    except (_UnknownCodeError, OSError, SyntaxError, ValueError):
        return None
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _find_module(kind: type) -> types.ModuleType:
    """Return the module that defines a class under its name."""
    module = sys.modules.get(kind.__module__)
    found: object = module
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    if module is None or found is not kind:
        raise _UnknownCodeError
    return module


def _add_module(start: types.ModuleType, files: dict[str, bytes]) -> None:
    """Add the content of a module's file, and of the user's files that it imports, by module."""
    if not getattr(start, "__file__", None):
        raise _UnknownCodeError
    top = start.__name__.partition(".")[0]
    waiting = [(start.__name__, Path(str(start.__file__)))]
    while waiting:
        name, path = waiting.pop()
        if name in files:
            continue
        content = path.read_bytes()
        files[name] = content
        if path.suffix != ".py":
            continue
        _check_loaded(name, path, content)
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        for imported in _list_imports(content, package, strict=not _is_installed(path)):
            found = _locate(imported)
            inside = imported.partition(".")[0] == top
            if found is not None and (inside or not _is_installed(found)):
                waiting.append((imported, found))


def _check_loaded(name: str, path: Path, content: bytes) -> None:
    """Raise an error if the functions in memory are not those of the file."""
    module = sys.modules.get(name)
    # Other loaders change the code, as pytest's does with assertions.
    if module is None or type(module.__loader__) is not importlib.machinery.SourceFileLoader:
        return
    stated = set(_list_code(compile(content, str(path), "exec", dont_inherit=True)))
    for value in list(vars(module).values()):
        members = vars(value).values() if isinstance(value, type) else (value,)
        for member in members:
            code = getattr(member, "__code__", None)
            if (
                isinstance(code, types.CodeType)
                and code.co_filename == str(path)
                and code not in stated
            ):
                raise _UnknownCodeError


def _list_code(code: types.CodeType) -> Iterator[types.CodeType]:
    """Iterate over a code object and all that it contains."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _list_code(constant)


def _list_imports(content: bytes, package: str, *, strict: bool) -> Iterator[str]:
    """Iterate over the full names of modules that source code may import.

    Args:
        content: source code.
        package: package of its module.
        strict: whether to raise an error for code that imports by a computed name.
    """
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _list_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package) if node.level else relative
            yield from _list_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _list_called(node, strict=strict)


def _list_called(call: ast.Call, *, strict: bool) -> list[str]:
    """Return the names of the modules that a call imports, such as `import_module("a.b")`."""
    called = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if called not in _DYNAMIC or not (isinstance(call.func, ast.Name) or called in _IMPORTS):
        return []
    match call.args:
        case [ast.Constant(value=str(name))] if called in _IMPORTS and not name.startswith("."):
            return _list_parents(name)
    if strict:
        raise _UnknownCodeError
    return []


def _list_parents(name: str) -> list[str]:
    """Return the names of a module's packages, and its own.

    >>> _list_parents("a.b.c")
    ['a', 'a.b', 'a.b.c']
    """
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _locate(name: str) -> Path | None:
    """Return the file of a module without importing it; None if it has no file."""
    if name.partition(".")[0] == _PACKAGE:
        return None
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded:
        return Path(loaded)
    places: list[str] | None = None
    spec: importlib.machinery.ModuleSpec | None = None
    for part in _list_parents(name):
        spec = importlib.machinery.PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _is_installed(path: Path) -> bool:
    """Return whether a file belongs to Python or to an installed package."""
    return any(path.is_relative_to(folder) for folder in _list_installed_folders())


@functools.cache
def _list_installed_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    named = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(folder) for folder in (*named, site.getusersitepackages()))
