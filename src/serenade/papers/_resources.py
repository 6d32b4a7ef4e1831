"""Files that rows need and this repository does not contain: their places, names and contents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.encoders import GLOVE_SOURCE, fingerprint_text_encoder, locate_glove
from serenade.errors import EvaluationError
from serenade.extraction import hash_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from serenade.features import Feature, TextFeature

# Names by content, for folders that are named after a package.
_TITLES = {"04d48b8fb05fe6d4": "MiniLM (all-MiniLM-L6-v2)"}
# Names of what packages of PyPI contain, by the value of a recipe's field.
_PACKAGED = {GLOVE_SOURCE: "GloVe 6B, 50 dimensions"}
_DIGITS = 16


def resolve_changes(changes: Mapping[str, Any], use: Mapping[str, str]) -> dict[str, Any]:
    """Replace `@NAME/rest` in the changes of a recipe by paths of this machine.

    Args:
        changes: changes of a `Row` or `Run`.
        use: paths (or ids on a hub) by name.

    Raises:
        EvaluationError: no path is given for a name.

    >>> resolve_changes({"vectors": "@speech2vec/50.txt", "epochs": 3}, {"speech2vec": "vectors"})
    {'vectors': 'vectors/50.txt', 'epochs': 3}
    """
    found = dict(changes)
    for field, value in changes.items():
        if isinstance(value, str) and value.startswith("@"):
            name, slash, rest = value[1:].partition("/")
            if name not in use:
                raise EvaluationError(f"needs {field}: give --use {name}=PATH")
            found[field] = use[name] + slash + rest
    return found


def get_placeholders(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return NAME of each change `@NAME/rest`, by field.

    >>> get_placeholders({"vectors": "@speech2vec/50.txt", "epochs": 3})
    {'vectors': 'speech2vec'}
    """
    return {
        field: value[1:].partition("/")[0]
        for field, value in changes.items()
        if isinstance(value, str) and value.startswith("@")
    }


def identify_resources(
    changes: Mapping[str, Any], use: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the name and a hash of the content of each resource, by field of the recipe.

    Args:
        changes: changes of a `Row` or `Run`.
        use: paths (or ids on a hub) by name.

    Raises:
        SerenadeError: no path is given for a name, or nothing is there.
    """
    resolved = resolve_changes(changes, use)
    packaged = [field for field, value in changes.items() if str(value) in _PACKAGED]
    return {field: _identify(resolved[field]) for field in (*get_placeholders(changes), *packaged)}


def identify_encoders(features: Iterable[Feature | TextFeature]) -> dict[str, str]:
    """Return a hash of the content of each speech encoder that features use, by its name.

    Args:
        features: features of a system under its recipe.
    """
    found: dict[str, str] = {}
    waiting = [feature.identity() for feature in features]
    while waiting:
        identity: Any = waiting.pop()
        fields = identity.get("parameters", {})
        if "encoder" in fields:
            found[Path(fields["encoder"]).name] = identity["encoder"][:_DIGITS]
        waiting += [value for value in fields.values() if isinstance(value, dict)]
    return found


def _identify(source: str) -> dict[str, str]:
    """Return the name and the hash of a file, of a text encoder's folder, or of an id on a hub."""
    if source in _PACKAGED:
        return {"name": _PACKAGED[source], "content": hash_content(locate_glove())[:_DIGITS]}
    path = Path(source).expanduser()
    content = hash_content(path) if path.is_file() else fingerprint_text_encoder(source)
    content = content[:_DIGITS]
    return {"name": _TITLES.get(content) or _name_path(path), "content": content}


def _name_path(path: Path) -> str:
    """Return a path as a name, without the folders of this machine.

    >>> _name_path(Path("/home/me/speech2vec/50.txt")), _name_path(Path("/data/minilm/model"))
    ('speech2vec/50.txt', 'minilm')
    """
    parts = [part for part in path.parts if part not in {"/", "model"}]
    return "/".join(parts[-2:]) if path.suffix == ".txt" or not path.is_absolute() else parts[-1]
