"""Users' own corpora and systems: found by path, and refused with what to do about it."""

import sys

import pytest

from serenade import _extensions, corpora, systems
from serenade.errors import CorpusError, SerenadeError
from serenade.features import Feature

SYSTEM = """
from serenade.systems import System
import dataclasses
@dataclasses.dataclass(frozen=True)
class R:
    copies: int = 0
    balance: float = 0.0
class Own(System):
    name = NAME
    recipes = {"RECIPE": R()}
    def LEARNER(self, recipe, seed):
        return []
SYSTEM = Own()
"""


def system(name="'mine'", recipe="default", learner="classifiers"):
    return SYSTEM.replace("NAME", name).replace("RECIPE", recipe).replace("LEARNER", learner)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file whose module is forgotten afterwards; returns its path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def writing(text, name="own_file_of_test.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    yield writing
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_systems_get_runs_a_file_once(write):
    path = write(system())
    assert systems.get(path).name == "mine"
    assert systems.get(path) is systems.get(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"defines no SYSTEM; end it with SYSTEM = OwnSystem\(\)"),
        ("SYSTEM = 1", "its SYSTEM is a int; make it by"),
        ("a = 1\nb = a.c", "line 2: AttributeError: .*; correct it there"),
        ("a = (", "line 1: SyntaxError"),
        ("import nowhere_at_all", "line 1: ModuleNotFoundError"),
        (system(recipe="other"), "no recipe default"),
        (system(name="'stser'"), "stser is a built-in system; give SYSTEM a name of its own"),
        (system(learner="network"), "mine: its R needs the method classifiers"),
    ],
)
def test_systems_get_explains_a_file_that_cannot_be_used(write, text, message):
    path = write(text)
    with pytest.raises(SerenadeError, match=message) as caught:
        systems.get(path)
    assert str(caught.value).startswith(path)


def test_systems_get_refuses_a_missing_file(tmp_path):
    with pytest.raises(SerenadeError, match=r"gone\.py: no such file"):
        systems.get(str(tmp_path / "gone.py"))


@pytest.mark.parametrize("name", ["json.py", "numpy.py"])
def test_systems_get_refuses_a_file_with_the_name_of_a_module(write, name):
    path = write(system(), name)
    with pytest.raises(SerenadeError, match="rename the file"):
        systems.get(path)


def test_systems_get_refuses_a_file_name_that_is_not_an_identifier(write):
    path = write(system(), "my-system.py")
    with pytest.raises(SerenadeError, match="letters, digits and underscores"):
        systems.get(path)


def test_systems_get_lets_a_file_import_its_neighbours(write):
    write("TITLE = 'neighbourly'", "own_neighbour_of_test.py")
    text = "from own_neighbour_of_test import TITLE\n"
    path = write(text + system(name="TITLE"))
    assert systems.get(path).name == "neighbourly"


def test_unknown_names_mention_python_files():
    with pytest.raises(SerenadeError, match=r"or give the path of a \.py file"):
        systems.get("mine")
    with pytest.raises(CorpusError, match=r"or of a \.py file with INFO and load"):
        corpora.open("mine")


def test_corpora_get_needs_info_and_load(write):
    info = (
        "from serenade.corpora._corpus import CorpusInfo\n"
        "INFO = CorpusInfo('own', 'Own', 'mine', 'none', '', ('en',), ('sad',))\n"
    )
    path = write(info, "own_half_of_test.py")
    for use in (corpora.describe, corpora.open):
        with pytest.raises(CorpusError, match="defines no load; end it with def load"):
            use(path)
    with pytest.raises(CorpusError, match="defines no INFO"):
        corpora.open(write("def load(root): ...", "own_other_half_of_test.py"))
    whole = write(info + "def load(root): ...\n", "own_whole_of_test.py")
    assert corpora.describe(whole).title == "Own"


def test_feature_of_a_changed_file_has_another_identity(write):
    text = (
        "import dataclasses\nfrom serenade.features._feature import Feature\n"
        "@dataclasses.dataclass(frozen=True)\nclass Own(Feature):\n"
        "    names = ('a',)\n    def __call__(self, signal, sampling_rate): return signal\n"
    )
    path = write(text)
    own = _extensions.load_attribute(path, "Own", type, "class Own(Feature): ...")
    before = own().identity()
    assert issubclass(own, Feature)
    assert before == own().identity()
    write(text.replace("return signal", "return -signal"))
    assert own().identity() != before


def test_feature_of_the_package_is_identified_by_its_version():
    from serenade.features import LogMel

    assert "source" not in LogMel().identity()
