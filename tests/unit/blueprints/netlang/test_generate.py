"""What the generator draws: exact, replayable, and shaped as the specification's table says."""

import re
from collections import Counter
from itertools import islice
from statistics import mean
from typing import get_args

import pytest
from pydantic import ValidationError

from modelops.blueprints.netlang.blueprint import NETLANG
from modelops.blueprints.netlang.ir import FEATURES, facts
from modelops.blueprints.netlang.legacy import parse_legacy
from modelops.blueprints.netlang.profiles import HELD_OUT, PROFILES, is_held_out
from modelops.blueprints.netlang.source import ProfileName
from modelops.blueprints.netlang.verify import verify, wanted
from modelops.digests import digest_json
from modelops.errors import CorpusError


def draw(profile="base", records=100, **options):
    return list(NETLANG.source({"profile": profile, "records": records, **options}).read())


def test_the_options_name_every_profile():
    assert set(get_args(ProfileName)) == set(PROFILES)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_answer_is_exact_and_every_source_is_understood(profile):
    for record in draw(profile, seed=3):
        version = record.attributes["axon_version"]
        verdict = verify(record.prompt, record.completion, version)
        assert (verdict.score, verdict.exact, verdict.unsupported) == (1.0, True, 0)
        assert version == ("5.1" if profile.endswith("51") else "5.0")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, other = draw(seed=1), draw(seed=1), draw(seed=2)
    assert first == again
    assert not {record.prompt for record in first} & {record.prompt for record in other}


def test_these_bytes_change_only_with_the_generator_version():
    rows = [record.row() for profile in ("base", "xecombo51") for record in draw(profile, 20)]
    assert {row["attributes"][3] for row in rows} == {("generator_version", "1")}
    assert digest_json(rows) == "04e5c69b1a962ec6fb90960deb7dc02161df90dcd3a4665b6cdad5098e081333"


def test_a_longer_source_begins_with_the_shorter_one_and_is_read_lazily():
    endless = NETLANG.source({"records": 1_000_000, "seed": 4}).read()
    assert list(islice(endless, 50)) == draw(records=50, seed=4)


def test_the_newer_version_draws_the_same_configurations():
    old, new = draw("large", seed=6), draw("large51", seed=6)
    assert [record.prompt for record in old] == [record.prompt for record in new]
    assert all(a.completion != b.completion for a, b in zip(old, new, strict=True))


def test_most_but_not_all_answers_change_with_the_version():
    changed = [
        record.attributes["features"]
        for record, newer in zip(draw(records=600), draw("base51", records=600), strict=True)
        if record.completion != newer.completion
    ]
    assert 0.7 < len(changed) / 600 < 0.8
    assert all({"vrf", "acl", "ospf"} & set(features.split("+")) for features in changed)


@pytest.mark.parametrize(
    ("profile", "legacy", "axon", "count"),
    [
        ("base", 456, 334, 11),
        ("combo", 559, 404, 14),
        ("large", 1378, 949, 33),
        ("xe", 523, 336, 11),
        ("bgpmix", 471, 331, 11),
        ("benign", 459, 337, 11),
        ("modern", 332, 332, 11),
    ],
)
def test_lengths_and_facts_are_those_of_the_table(profile, legacy, axon, count):
    rows = draw(profile, 1000, seed=8)
    assert mean(len(row.prompt) for row in rows) == pytest.approx(legacy, rel=0.04)
    assert mean(len(row.completion) for row in rows) == pytest.approx(axon, rel=0.04)
    said = [facts(wanted(row.prompt).config) for row in rows]
    assert mean(sum(map(len, groups.values())) for groups in said) == pytest.approx(count, abs=0.6)


def test_sizes_and_features_come_in_the_shares_of_the_specification():
    rows = draw(records=2000, seed=12)
    sizes = Counter(row.attributes["size"] for row in rows)
    shares = Counter(name for row in rows for name in row.attributes["features"].split("+"))
    assert {size: sizes[size] / 2000 for size in sizes} == pytest.approx(
        {"1": 0.4, "2": 0.4, "3": 0.2}, abs=0.03
    )
    expected = dict.fromkeys(FEATURES, 0.3) | {"vrf": 0.38, "bgp": 0.2}
    assert {name: shares[name] / 2000 for name in shares} == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_mix_profile_has_its_feature_in_six_of_ten(feature):
    rows = draw(f"{feature}mix", 600)
    assert mean(feature in row.attributes["features"] for row in rows) == pytest.approx(
        0.6, abs=0.07
    )


@pytest.mark.parametrize("profile", ["base", "xe", "bgpmix", "aclmix51", "benign", "modern"])
def test_training_traffic_never_has_a_held_out_pair(profile):
    assert not any(is_held_out(row.attributes["features"].split("+")) for row in draw(profile, 400))


def test_the_headline_benchmark_has_nothing_but_held_out_pairs():
    rows = draw("combo", 400)
    sets = {tuple(row.attributes["features"].split("+")) for row in rows}
    assert all(is_held_out(features) for features in sets)
    assert len(sets) == len(HELD_OUT) + 12


def test_attributes_describe_the_record():
    (record,) = draw("xe51", 1, seed=9)
    config = parse_legacy(record.prompt).config
    attributes = record.attributes
    assert record.licence == "Apache-2.0"
    assert attributes["ports"] == str(len(config.port))
    assert attributes["features"] == "+".join(config.features)
    assert attributes["size"] == str(len(config.features))
    assert (attributes["dialect"], attributes["profile"]) == ("xe", "xe51")
    assert (attributes["seed"], attributes["index"], attributes["origin"]) == (
        "9",
        "0",
        "generator",
    )
    assert len(attributes["ir_digest"]) == 64


def test_the_dialects_write_as_their_devices_did():
    older = "\n".join(record.prompt for record in draw("base", 300))
    newer = "\n".join(record.prompt for record in draw("xe", 300))
    both = (" switchport\n", "router ospf 1\n", " rd ", " shutdown\n", "ip route vrf ")
    assert all(line in older and line in newer for line in both)
    gone = ("ip vrf ", " no shutdown\n", "access-list 1", " log-adjacency-changes\n", " no auto-")
    assert all(f"\n{line}" in older and f"\n{line}" not in newer for line in gone)
    new = (" negotiation auto\n", "vrf definition ", "ip access-list extended WAN-IN", " vrf forw")
    assert all(f"\n{line}" in newer and f"\n{line}" not in older for line in new)
    lists = re.findall(r"access-list extended (\S+)", newer)
    assert mean(not name.isdigit() for name in lists) == pytest.approx(0.7, abs=0.08)


def test_a_narrowed_source_stays_within_its_slice():
    slim = {"features": ["vlan", "bgp"], "sizes": [1], "max_ports": 2}
    rows = draw(records=300, **slim)
    assert {row.attributes["features"] for row in rows} == {"vlan", "bgp"}
    assert {row.attributes["ports"] for row in rows} == {"1", "2"}


def test_ports_alone_are_a_slice_too():
    rows = draw(records=50, features=[], sizes=[0])
    assert {(row.attributes["features"], row.attributes["size"]) for row in rows} == {("none", "0")}


def test_max_ports_bounds_the_large_profile():
    assert {row.attributes["ports"] for row in draw("large", 50, max_ports=2)} == {"2"}


def test_a_modern_share_of_prompts_already_is_the_answer():
    rows = draw(records=800, modern_share=0.25)
    modern = [row for row in rows if row.prompt == row.completion]
    assert len(modern) / 800 == pytest.approx(0.25, abs=0.05)
    assert {(row.attributes["profile"], row.attributes["dialect"]) for row in modern} == {
        ("modern", "axon")
    }
    plain = draw(records=800)
    assert [row.completion for row in plain] == [row.completion for row in rows]


def test_no_two_records_differ_in_the_host_alone():
    rows = draw(records=400, features=[], sizes=[0], max_ports=1)
    assert len({NETLANG.identity(row) for row in rows}) == 400


def test_a_space_that_is_too_small_is_an_error_with_its_size(monkeypatch):
    monkeypatch.setattr("modelops.blueprints.netlang.generate.Draw.net", _few_nets)
    source = NETLANG.source({"records": 5000, "features": [], "sizes": [0], "max_ports": 1})
    with pytest.raises(CorpusError, match=r"none beside the first \d+ distinct ones"):
        list(source.read())


def _few_nets(self, shortest, longest):
    from modelops.blueprints.netlang.values import Net

    return Net(10 << 24, self.number(29, 30))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"records": 5, "features": ["vrf"], "sizes": [2]}, "no feature set of sizes"),
        ({"records": 5, "features": [], "sizes": None}, "no feature set of any size"),
        ({"records": 5, "sizes": []}, "no feature set"),
        ({"records": 5, "sizes": [1, 4]}, r"sizes \[4\] are none of profile base"),
        ({"records": 5, "profile": "combo", "features": ["vlan", "acl"]}, "no feature set"),
        ({"records": 0}, "records"),
        ({}, "records"),
        ({"records": 5, "profile": "bases"}, "profile"),
        ({"records": 5, "features": ["qos"]}, "features"),
        ({"records": 5, "versoin": "5.0"}, "versoin"),
        ({"records": 5, "modern_share": 1.5}, "modern_share"),
    ],
)
def test_options_that_yield_nothing_or_do_not_exist_are_refused(options, fault):
    with pytest.raises(ValidationError, match=fault):
        NETLANG.check_options(options)
    with pytest.raises(ValidationError, match=fault):
        NETLANG.source(options)


def test_profiles_share_no_draws_even_with_one_seed():
    base, mixed = draw("base", 200, seed=1), draw("bgpmix", 200, seed=1)
    assert not {NETLANG.identity(row) for row in base} & {NETLANG.identity(row) for row in mixed}
