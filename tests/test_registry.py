"""The registry that corpora, systems, papers and encoders share."""

import subprocess
import sys

import pytest

from serenade import corpora, encoders, papers, protocols, systems
from serenade._registry import Registry
from serenade.errors import SerenadeError

REGISTRIES = [corpora, encoders, papers, protocols, systems]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Return a package's registry with modules `first_thing` and `_private` and a sub-package."""
    package = tmp_path / "package_of_test"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__", "inner/__init__"):
        (package / f"{name}.py").write_text("")
    (package / "first_thing.py").write_text("THING = 1\n")
    (package / "_private.py").write_text("OTHER = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry(
        "thing", package.name, "THING", SerenadeError, variants={"other": "_private:OTHER"}
    )
    for name in [name for name in sys.modules if name.split(".")[0] == package.name]:
        del sys.modules[name]


def test_registry_lists_public_modules_and_variants_without_importing_them(registry):
    assert registry.names() == ("first-thing", "other")
    assert "package_of_test.first_thing" not in sys.modules


def test_registry_returns_what_a_module_or_a_variant_defines(registry):
    assert registry.get("first-thing") == 1
    assert registry.get("other") == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("first-thin", "no thing 'first-thin'; did you mean first-thing?"),
        ("zzz", "no thing 'zzz'; choose from first-thing, other"),
        ("private", "no thing 'private'; choose from first-thing, other"),
    ],
)
def test_registry_explains_an_unknown_name(registry, name, message):
    with pytest.raises(SerenadeError) as caught:
        registry.get(name)
    assert str(caught.value) == message


@pytest.mark.parametrize("package", REGISTRIES, ids=lambda package: package.__name__)
def test_every_registry_names_describes_and_gets(package):
    for name in package.names():
        assert package.describe(name)
        assert package.get(name)
    nearest = package.names()[0]
    for ask in (package.describe, package.get):
        with pytest.raises(SerenadeError, match=f"did you mean .*{nearest}"):
            ask(f"{nearest}x")


def test_systems_are_listed_without_importing_any():
    code = (
        "import sys, serenade.systems as systems; systems.names()\n"
        "heavy = {'numpy', 'torch', 'sklearn', 'onnxruntime', 'serenade.systems.stser'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_encoders_get_takes_the_settings_of_the_feature():
    assert encoders.get("npc", layer=2).layer == 2
    with pytest.raises(SerenadeError, match=r"npc: .*unexpected keyword argument 'big'"):
        encoders.get("npc", big=1)


def test_papers_are_listed_in_the_order_of_the_results():
    assert papers.names() == (
        *("fusion-transformer", "stser", "dual-bilstm", "cnn-transformer", "attentive-crnn"),
    )
