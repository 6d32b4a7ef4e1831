"""A small synthetic corpus and a recipe that fits it in seconds."""

import pytest

from serenade import corpora, systems


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Four speakers, four emotions, two sentences."""
    root = tmp_path_factory.mktemp("synthetic")
    labels = ("angry", "happy", "neutral", "sad")
    return corpora.open("synthetic", root, speakers=4, sentences=2, labels=labels)


@pytest.fixture(scope="session")
def probe():
    """The system and a recipe of one augmented copy."""
    system = systems.get("whisper-probe")
    return system, system.recipe("default", copies=1, layers=(1, 2))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
