"""Registry of a package whose public modules are corpora, systems, papers or encoders."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from serenade import _extensions

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from serenade.errors import SerenadeError

_NEAR = 0.7  # similarity from which a name is suggested, of 1


@dataclasses.dataclass(frozen=True)
class Registry:
    """Public modules of a package, by their names with hyphens; none is imported to be listed.

    A new module in the package is a new entry, without a line anywhere else.

    Args:
        kind: noun for messages, such as "system".
        package: the package that holds the modules.
        attribute: name of the object in each module, such as "SYSTEM"; "" for the module itself.
        error: raised for an unknown name, and for a user's file that cannot be used.
        variants: further entries: the module and the attribute of each, as "module:ATTRIBUTE".
        files: user's files that can be given in place of a name, as a noun phrase for messages.
        type_name: public class of the package that a user's file makes `attribute` from; empty
            if the registry does not read such files.
        example: how a user's file makes `attribute`, for messages.
    """

    kind: str
    package: str
    attribute: str
    error: type[SerenadeError]
    variants: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: str = ""
    type_name: str = ""
    example: str = ""

    def names(self) -> tuple[str, ...]:
        """Return the names of all entries, sorted."""
        return tuple(self._locations())

    def get(self, name: str | os.PathLike[str]) -> Any:
        """Import an entry and return its object.

        Args:
            name: one of `names()`, or the path of a user's `.py` file.

        Raises:
            SerenadeError: as `error`: no entry has this name, or the file cannot be used.
        """
        if self.type_name and _extensions.is_python_file(name):
            return self._load_file(name)
        self.check_name(name)
        module_name, _, attribute = self._locations()[str(name)].partition(":")
        module = importlib.import_module(f"{self.package}.{module_name}")
        return getattr(module, attribute) if attribute else module

    def check_name(self, name: str | os.PathLike[str]) -> None:
        """Raise an error if no entry has this name; nothing is imported, user's files exist.

        Raises:
            SerenadeError: as `error`: no entry has this name, or no file this path.
        """
        if self.files and _extensions.is_python_file(name):
            _extensions.check_file(name, self.error)
            return
        locations = self._locations()
        if name not in locations:
            raise self.error(explain_unknown(self.kind, str(name), locations, self.files))

    def _load_file(self, path: str | os.PathLike[str]) -> Any:
        kind = getattr(importlib.import_module(self.package), self.type_name)
        return _extensions.load_attribute(path, self.attribute, kind, self.example, self.error)

    def _locations(self) -> dict[str, str]:
        folders = importlib.import_module(self.package).__path__
        modules = [
            module.name
            for module in pkgutil.iter_modules(folders)
            if not module.ispkg and not module.name.startswith("_")
        ]
        found = {name.replace("_", "-"): f"{name}:{self.attribute}" for name in modules}
        return dict(sorted((found | dict(self.variants)).items()))


def explain_unknown(kind: str, name: str, known: Iterable[str], files: str = "") -> str:
    """Return the message for an unknown name: the nearest names, or all if none is near.

    Args:
        kind: noun, such as "system".
        name: the unknown name.
        known: the names that exist.
        files: files whose path can be given in place of a name, as a noun phrase.

    >>> explain_unknown("system", "whisper-prob", ["crnn", "whisper-probe"])
    "no system 'whisper-prob'; did you mean whisper-probe?"
    >>> explain_unknown("system", "mine", ["crnn", "stser"], "a .py file")
    "no system 'mine'; choose from crnn, stser, or give the path of a .py file"
    """
    known = list(known)
    if near := difflib.get_close_matches(name, known, n=3, cutoff=_NEAR):
        return f"no {kind} {name!r}; did you mean {' or '.join(near)}?"
    path = f", or give the path of {files}" if files else ""
    return f"no {kind} {name!r}; choose from {', '.join(known)}{path}"
