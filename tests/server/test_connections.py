"""Tests that the classes of uvicorn that the server derives from are those that were tested."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

from serenade.server._connections import Http, Live

requirements = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).parents[2]
OURS = {"settings", "waiting"}


@pytest.mark.parametrize("name", ["uvicorn", "websockets"])
def test_requirements_bound_the_library_to_tested_versions(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = map(requirements.Requirement, project["optional-dependencies"]["serve"])
    (bounds,) = (one.specifier for one in wanted if one.name == name)
    assert {each.operator for each in bounds} == {">=", "<"}
    assert importlib.metadata.version(name) in bounds
    for file in ("constraints.txt", "lowest.txt"):
        lines = (ROOT / "constraints" / file).read_text("utf-8").splitlines()
        (pin,) = (line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))
        assert pin in bounds, file


@pytest.mark.parametrize("protocol", [Http, Live])
def test_protocols_override_what_uvicorn_calls(protocol):
    own = {name for name in vars(protocol) if not name.startswith("_")} - OURS
    for name in own:
        assert any(name in vars(base) for base in protocol.__mro__[2:]), name
    assert "_unsupported_upgrade_warning" in vars(Http.__mro__[2])
