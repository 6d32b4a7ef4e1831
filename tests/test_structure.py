"""Tests that the package keeps the structure that ARCHITECTURE.md describes."""

import ast
import collections
import importlib
from pathlib import Path

import pytest

import serenade

ROOT = Path(serenade.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
STUBS = sorted(ROOT.rglob("__init__.pyi"))
# A system may have one file each for its features, its network and its paper's tables.
PER_SYSTEM = {path.stem for path in (ROOT / "systems").glob("[a-z]*.py")}


def _package(path):
    return path.relative_to(ROOT).parts[0] if path.parent != ROOT else ""


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split("."), [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name.split("."), []) for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_import_other_packages_through_their_init(path):
    for parts, names in _imported(ast.parse(path.read_text("utf-8"))):
        if parts[0] != "serenade" or len(parts) < 2 or not (ROOT / parts[1]).is_dir():
            continue
        if parts[1] != _package(path):
            private = [name for name in (*parts[2:], *names) if name.startswith("_")]
            assert not private, f"{path}: import {private} through serenade.{parts[1]}"


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.parent.name)
def test_stubs_list_names_that_exist(path):
    name = ".".join(("serenade", *path.parent.relative_to(ROOT).parts))
    package = importlib.import_module(name)
    stated = {
        alias.asname or alias.name
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert stated <= set(package.__all__)
    for one in sorted(stated):
        assert getattr(package, one) is not None, f"{name}.{one}"


def test_file_names_have_one_meaning():
    found = collections.Counter(
        path.stem.strip("_")
        for path in MODULES
        if path.stem not in {"__init__", "__main__", "_registry"} and path.parent.name != "cli"
    )
    twice = {name for name, count in found.items() if count > 1} - PER_SYSTEM
    assert not twice


def test_feature_classes_have_unique_names():
    """Cache keys name features by their class alone."""
    classes = collections.Counter(
        node.name
        for package in ("features", "encoders", "systems")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(getattr(base, "id", "") in {"Feature", "TextFeature"} for base in node.bases)
    )
    assert max(classes.values()) == 1


def test_public_classes_have_one_meaning():
    classes = collections.Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not {name for name, count in classes.items() if count > 1}
