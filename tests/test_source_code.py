"""Identity of a user's code: what it imports counts, and what cannot be known is not cached."""

import dataclasses
import importlib
import sys

import pytest

from serenade._source_code import hash_source_code, is_own
from serenade.features import Augmented, LogMel, find_unidentified

BODY = "class Own: pass\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes modules and imports the first one again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget():
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]

    def run(files):
        forget()
        (tmp_path / "own_package").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module(next(iter(files)))

    yield run
    forget()


@pytest.mark.parametrize(
    ("start", "neighbour"),
    [
        ("import own_helper\n" + BODY, "own_helper"),
        ("from own_helper import *\n" + BODY, "own_helper"),
        ("class Own:\n    def run(self):\n        import own_helper\n", "own_helper"),
        ("import importlib\nimportlib.import_module('own_helper')\n" + BODY, "own_helper"),
        ("from own_package import part\n" + BODY, "own_package/part"),
        ("import own_package.part\n" + BODY, "own_package/part"),
    ],
)
def test_hash_source_code_follows_imports(write, start, neighbour):
    files = {"own_code": start, "own_package/__init__": "", neighbour: "value = 1\n"}
    before = hash_source_code(write(files).Own)
    assert before is not None
    assert hash_source_code(write(files).Own) == before
    assert hash_source_code(write(files | {neighbour: "value = 2\n"}).Own) not in {before, None}


def test_hash_source_code_follows_imports_of_imports(write):
    files = {"own_code": "import own_a\n" + BODY, "own_a": "from own_b import x\n", "own_b": "x=1"}
    before = hash_source_code(write(files).Own)
    assert hash_source_code(write(files | {"own_b": "x=2"}).Own) != before


@pytest.mark.parametrize(
    "text",
    [
        "name = 'os'\n__import__(name)\n" + BODY,
        "exec('x = 1')\n" + BODY,
        "def make():\n    class Own: pass\n    return Own\nOwn = make()\n",
        "Own = type('Other', (), {})\n",
    ],
)
def test_hash_source_code_refuses_code_that_only_a_run_can_tell(write, text):
    assert hash_source_code(write({"own_code": text}).Own) is None


def test_hash_source_code_refuses_a_file_that_changed_after_its_import(write, tmp_path):
    text = "class Own:\n    def run(self): return {}\n"
    kind = write({"own_code": text.format(1)}).Own
    assert hash_source_code(kind) is not None
    (tmp_path / "own_code.py").write_text(text.format(2))
    assert hash_source_code(kind) is None


def test_hash_source_code_refuses_a_class_of_a_notebook():
    kind = type("Cell", (), {"__module__": "__main__"})
    assert is_own(kind)
    assert hash_source_code(kind) is None


def test_classes_of_the_package_are_not_of_the_user():
    assert not is_own(LogMel)
    assert find_unidentified(LogMel().identity()) == ""


AUGMENTATION = """
import dataclasses
from serenade.audio import WhiteNoise
@dataclasses.dataclass(frozen=True)
class Own({base}):
    snr: tuple[float, float] = (15.0, 30.0)
    def __call__(self, signal, sampling_rate, rng): return signal * {value}
class Plain:
    def __call__(self, signal, sampling_rate, rng): return signal
"""


@pytest.mark.parametrize("base", ["WhiteNoise", "object"])
def test_an_augmentation_of_the_user_is_identified_by_its_code(write, base):
    found = []
    for value in (1, 2):
        module = write({"own_change": AUGMENTATION.format(base=base, value=value)})
        found.append(Augmented(LogMel(), module.Own()).identity())
    assert found[0] != found[1]
    assert not any(map(find_unidentified, found))


def test_an_augmentation_with_unknown_parameters_is_not_cached(write):
    module = write({"own_change": AUGMENTATION.format(base="object", value=1)})
    identity = Augmented(LogMel(), module.Plain()).identity()
    assert find_unidentified(identity) == "own_change.Plain"


def test_a_local_feature_is_not_cached():
    @dataclasses.dataclass(frozen=True)
    class Local(LogMel):
        pass

    assert "Local" in find_unidentified(Augmented(Local()).identity())
