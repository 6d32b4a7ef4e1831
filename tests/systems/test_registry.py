"""Systems by name, and their recipes."""

import dataclasses
import json

import pytest

from serenade import systems
from serenade.errors import SerenadeError
from serenade.systems import NetworkRecipe


@pytest.mark.parametrize("name", systems.names())
def test_get_returns_complete_systems(name):
    system = systems.get(name)
    assert system.name == name
    assert system.title
    assert system.source
    assert "default" in system.recipes
    for recipe in system.recipes.values():
        json.dumps(dataclasses.asdict(recipe), allow_nan=False)
        assert system.features(recipe)
        assert system.augmentation(recipe)
        system.require_learner(recipe)
        if not isinstance(recipe, NetworkRecipe):
            assert len(system.classifiers(recipe, 0)) >= 1


def test_get_gives_the_nearest_names_of_an_unknown_system():
    with pytest.raises(SerenadeError, match="did you mean whisper-probe"):
        systems.get("whisper-prob")


def test_recipe_changes_fields():
    system = systems.get("whisper-probe")
    assert system.recipe("default", copies=0).copies == 0
    assert system.recipe().copies == 3
    with pytest.raises(SerenadeError, match="no recipe 'big'; choose from default"):
        system.recipe("big")
    with pytest.raises(SerenadeError, match="has no copy; it has encoder"):
        system.recipe("default", copy=1)
