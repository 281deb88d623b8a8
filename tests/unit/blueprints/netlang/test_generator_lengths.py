"""Narrowing to prefix lengths."""

import pytest
from pydantic import ValidationError

from modelops.blueprints.netlang.blueprint import NETLANG
from modelops.blueprints.netlang.verify import wanted


def lengths(options: dict) -> set[int]:
    records = NETLANG.source({"records": 120, "seed": 5, **options}).read()
    configs = [wanted(record.prompt, "5.0").config for record in records]
    ports = {port.ip.length for config in configs for port in config.port.values() if port.ip}
    return ports | {net.length for config in configs for net, *_ in config.route}


def test_only_the_allowed_prefix_lengths_are_drawn():
    assert lengths({"features": ["route"], "lengths": [24, 28]}) == {24, 28}


def test_without_the_option_every_length_of_the_profile_is_drawn():
    assert lengths({"features": ["route"]}) == set(range(16, 31))


def test_lengths_that_no_net_has_leave_the_profile_as_it_is():
    assert lengths({"features": ["vlan"], "lengths": [8]}) == set(range(24, 31))


def test_a_length_beyond_32_is_refused():
    with pytest.raises(ValidationError):
        NETLANG.check_options({"records": 1, "lengths": [33]})
