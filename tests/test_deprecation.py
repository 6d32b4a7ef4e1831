"""Names of version 0.1 still work, and warn with their new place."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from serenade import _deprecation, corpora, errors

MOVED = [
    (f"serenade.{module}", name, f"serenade.{new}")
    for module, names in _deprecation.MOVED.items()
    for name, new in names.items()
]


@pytest.mark.parametrize(("module", "name", "new"), MOVED, ids=[f"{m}.{n}" for m, n, _ in MOVED])
def test_moved_names_warn_and_give_the_object_from_its_new_place(module, name, new):
    if not module.startswith("serenade.reproduce"):
        importlib.import_module(".".join(module.split(".")[:2]))
    place, _, new_name = new.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{module}.{name} is deprecated") as caught:
        found = getattr(importlib.import_module(module), name)
    assert found is getattr(importlib.import_module(place), new_name)
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    hint = message.partition("use ")[2] if "._" in new else new
    assert message.endswith(f"use {hint}" if hint else "it has no public replacement")
    if hint:
        public, _, hinted = hint.rpartition(".")
        assert hinted in getattr(importlib.import_module(public), "__all__", dir(errors))


def test_moved_modules_are_imported_in_a_fresh_process():
    code = (
        "from serenade.reproduce import names; from serenade.corpora.base import CorpusInfo;"
        "from serenade.evaluation import Fold; import serenade.systems.base;"
        "print(names()[0], CorpusInfo.__name__, Fold.__name__, serenade.systems.base.System)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("fusion-transformer CorpusInfo Fold <class")


@pytest.mark.parametrize("name", ["protocols", "corpora.base"])
def test_modules_name_an_attribute_that_they_never_had(name):
    module = importlib.import_module(f"serenade.{name}")
    with pytest.raises(AttributeError, match=rf"serenade\.{name}.*nothing"):
        _ = module.nothing


def test_corpus_keeps_its_methods_of_version_0_1(tmp_path):
    path = tmp_path / "old.csv"
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(16000)) / 2, 16000)
    path.write_text("file,emotion\na.wav,sad\n", "utf-8")
    corpus = corpora.load_manifest(path)
    with pytest.warns(DeprecationWarning, match=r"Corpus\.to_csv .* serenade\.corpora\.write_mani"):
        corpus.to_csv(tmp_path / "one.csv")
    assert "a.wav" in (tmp_path / "one.csv").read_text("utf-8")
    with pytest.warns(DeprecationWarning, match=r"use serenade\.corpora\.load_manifest"):
        assert corpora.Corpus.from_csv is corpora.load_manifest
