"""Answers that are almost right: only those that mean the same are exact."""

import random
import re
from statistics import mean

import pytest

from modelops.blueprints.netlang.axon import compile_axon
from modelops.blueprints.netlang.blueprint import NETLANG
from modelops.blueprints.netlang.canonical import canonical
from modelops.blueprints.netlang.grammar import tokens
from modelops.blueprints.netlang.verify import verify

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def records(profile, count=100):
    return list(NETLANG.source({"profile": profile, "records": count, "seed": 11}).read())


def any_change(token, vocabulary, draw):
    """Another token of the program, or this one with a character replaced."""
    if draw.random() < 0.3:
        return draw.choice([word for word in vocabulary if word != token])
    place = draw.choice([at for at, sign in enumerate(token) if sign.isalnum()] or [0])
    pool = "0123456789" if token[place].isdigit() else ALPHABET
    return token[:place] + draw.choice(pool.replace(token[place], "")) + token[place + 1 :]


OPPOSITES = {
    "permit": "deny",
    "deny": "permit",
    "up": "down",
    "down": "up",
    "tcp": "udp",
    "udp": "tcp",
}


def plausible_change(token, vocabulary, draw):
    """The opposite keyword, or another last digit: what a careless engineer would write."""
    if not (digits := list(re.finditer(r"[0-9]", token))):
        return OPPOSITES.get(token)
    place = digits[-1].start()
    digit = draw.choice("123456789".replace(token[place], ""))
    return token[:place] + digit + token[place + 1 :]


def mutants(record, change, draw, count=12):
    """Pairs of (program with one token changed, index of that token)."""
    gold = tokens(record.completion)
    for place in draw.sample(range(len(gold)), count):
        token = change(gold[place], sorted(set(gold)), draw)
        if token is not None:
            yield " ".join([*gold[:place], token, *gold[place + 1 :]]), place


@pytest.mark.parametrize("change", [any_change, plausible_change])
@pytest.mark.parametrize("profile", ["base", "xe51", "large51"])
def test_a_changed_token_is_exact_only_when_the_meaning_stays(profile, change):
    draw = random.Random(3)
    scores, harmless = [], 0
    for record in records(profile):
        version = record.attributes["axon_version"]
        gold = tokens(record.completion)
        for mutant, place in mutants(record, change, draw):
            verdict = verify(record.prompt, mutant, version)
            scores.append(verdict.score)
            if not verdict.exact:
                assert verdict.score < 0.6
                continue
            harmless += 1
            assert canonical(compile_axon(mutant, version), version) == record.completion
            assert gold[place + 1] in ("permit", "deny")  # a rule number that keeps the order
    assert len(scores) > 250
    assert 0 < harmless < 0.08 * len(scores)
    low, high = (0.03, 0.15) if change is any_change else (0.35, 0.55)
    assert low < mean(scores) < high


@pytest.mark.parametrize("profile", ["base", "base51", "combo"])
def test_a_dropped_line_is_exact_only_where_it_said_the_default(profile):
    scores, defaults = [], 0
    for record in records(profile):
        version = record.attributes["axon_version"]
        lines = record.completion.split("\n")
        for place, line in enumerate(lines):
            verdict = verify(record.prompt, "\n".join(lines[:place] + lines[place + 1 :]), version)
            scores.append(verdict.score)
            default = "  admin up;" if version == "5.0" else "  admin down;"
            assert verdict.exact == (line == default)
            defaults += verdict.exact
    assert defaults > 50
    assert 0.2 < mean(scores) < 0.55


def test_a_character_more_or_less_is_never_exact_inside_a_word():
    draw = random.Random(9)
    tried = 0
    for record in records("base", 60):
        for match in draw.sample(list(re.finditer(r"[\w./:-]{2,}", record.completion)), 5):
            shorter = record.completion[: match.start() + 1] + record.completion[match.end() :]
            if match[0].isdigit() and match[0].endswith("0"):
                continue  # perhaps a rule number
            tried += 1
            assert not verify(record.prompt, shorter).exact
    assert tried > 200


def test_the_usual_ways_to_cheat_score_nothing_or_next_to_it():
    rows = records("base", 200)
    for row in rows:
        answer = row.completion
        for cheat in ("", row.prompt, f"Sure!\n{answer}", f"```\n{answer}\n```", answer + answer):
            assert verify(row.prompt, cheat).score == 0
    others = [
        verify(row.prompt, rows[index - 1].completion).score for index, row in enumerate(rows)
    ]
    assert mean(others) < 0.07
    constant = "port ge-0 { admin down; } port ge-1 { } " + "".join(
        f"filter F{number} {{ 10 deny ip from any to any; }} " for number in range(100, 200)
    )
    assert mean(verify(row.prompt, constant).score for row in rows) < 0.1
