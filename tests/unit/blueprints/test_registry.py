"""Blueprints by name."""

import pytest

from modelops.blueprints.registry import blueprint_names, load_blueprint
from modelops.errors import CustomizationError


def test_installed_blueprints_are_found_by_name():
    assert "netlang" in blueprint_names()
    assert load_blueprint("netlang").name == "netlang"


def test_an_unknown_blueprint_is_refused_with_those_there_are():
    with pytest.raises(CustomizationError, match="`netlnag` is not installed"):
        load_blueprint("netlnag")
