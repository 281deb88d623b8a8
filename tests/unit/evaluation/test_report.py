"""The HTML report: what it says, and what hostile text in it cannot do."""

import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.errors import EvaluationError
from modelops.evaluation.diffs import diff, visible
from modelops.evaluation.markdown import summary_markdown, summary_png
from modelops.evaluation.metrics import summarise
from modelops.evaluation.outcomes import Outcome
from modelops.evaluation.report import Contender, Subject, render_report, worst_items
from modelops.release.gate import decide
from modelops.release.policy import Gate

HOSTILE = (
    '</pre></details><script>alert("owned")</script><img src=x onerror=alert(1)>\u202e{{ 7*7 }}'
)
SUBJECT = Subject(
    customization="netlang_demo",
    profile="demo",
    purpose="Rewrite old <router> configurations.",
    owner="team:network",
    base_id="smollm2-135m@1a2b3c4d5e6f",
    base_note="Passed through 4 bits.",
    adapter="a" * 64,
    benchmark="b" * 64,
    headline="combo",
    verifier_note="The verifier is itself a translator.",
)


def answered(hits, given_text="port 0 {\n  admin down;\n}"):
    wanted = "port 0 {\n  admin up;\n}"
    return [
        Outcome(
            slice="combo",
            id=f"{at:064x}",
            prompt="interface Gi0/0\n no shutdown",
            wanted=wanted,
            completion=wanted if hit == "1" else given_text,
            exact=hit == "1",
            valid=True,
            score=1.0 if hit == "1" else at / 1000,
            facts={"vlan": (2, 2, 2) if hit == "1" else (1, 2, 2)},
            measures={"edit_distance": 0.25},
            attributes={"size": str(1 + at % 3)},
        )
        for at, hit in enumerate(hits)
    ]


def contender(role, outcomes, note=""):
    return Contender(role, summarise(outcomes, cut_by=("size",), resamples=1000), outcomes, note)


def page(new="1" * 80 + "0" * 40, old="0" * 120, **more):
    ours, theirs = answered(new, **more), answered(old)
    decision = decide(
        Gate(), candidate=ours, reference=theirs, reference_name="base", headline="combo"
    )
    base = contender("base", theirs, "3 worked examples")
    return render_report(SUBJECT, contender("adapter", ours), [base], decision)


class Reader(HTMLParser):
    """Collects visible text, tags and everything that could load or run something."""

    def __init__(self, html):
        super().__init__()
        self.words, self.tags, self.attributes = [], set(), []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def test_the_report_names_what_was_evaluated_and_what_came_of_it():
    text = Reader(page()).text
    for expected in (
        "netlang_demo profile demo",
        "Rewrite old <router> configurations.",
        "smollm2-135m@1a2b3c4d5e6f",
        "Passed through 4 bits.",
        "a" * 64,
        "b" * 64,
        "combo, 120 items",
        "The verifier is itself a translator.",
        "Promoted by the gate",
        "66.7 %",
        "95 % interval 57.8 % to 74.5 %",
        "3 worked examples",
        "Equivalence rate by size",
        "F1 by feature",
        "Edit distance",
        "The 10 worst of 40 wrong answers",
        "+66.7 points",
    ):
        assert expected in text


def test_without_a_decision_the_report_claims_none():
    html = render_report(SUBJECT, contender("adapter", answered("10" * 40)), [])
    assert "by the gate" not in html
    assert "Item by item" not in html


def test_a_champion_has_its_own_column_and_its_own_table():
    three = [contender(role, answered("10" * 60)) for role in ("champion", "base")]
    text = Reader(render_report(SUBJECT, contender("adapter", answered("1" * 120)), three)).text
    assert "adapter against champion" in text
    assert "adapter against base" in text


def test_a_perfect_adapter_has_no_worst_answers():
    assert "No wrong answer" in page(new="1" * 120)


def test_hostile_text_stays_text():
    html = page(given_text=HOSTILE)
    reader = Reader(html)
    assert not reader.tags & {"script", "img", "iframe", "object", "link", "form", "a"}
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "src"]
    assert 'alert("owned")' in reader.text
    assert "{{ 7*7 }}" in reader.text
    assert "\u202e" not in html
    assert "⟨U+202E⟩" in html
    assert "default-src 'none'" in html


@given(st.text(max_size=60))
def test_no_completion_adds_an_element(text):
    plain, other = (
        Reader(page(new="0" * 80, old="0" * 80)),
        Reader(page(new="0" * 80, old="0" * 80, given_text=text)),
    )
    assert other.tags == plain.tags
    assert {name for name, _ in other.attributes} == {name for name, _ in plain.attributes}


def test_the_same_evaluation_gives_the_same_page():
    assert page() == page()


def test_outcomes_that_do_not_pair_are_no_report():
    ours, theirs = contender("adapter", answered("10" * 40)), contender("base", answered("1" * 79))
    with pytest.raises(EvaluationError, match="one side only"):
        render_report(SUBJECT, ours, [theirs])


def test_the_worst_items_are_the_wrong_ones_with_the_lowest_score():
    worst = worst_items(answered("1" + "0" * 20), "combo")
    assert [one.outcome.score for one in worst] == [at / 1000 for at in range(1, 11)]
    assert worst_items(answered("0" * 5), "another") == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_diff_rebuilds_both_texts(wanted, given_text):
    lines = diff(wanted, given_text)
    assert "\n".join(x.text for x in lines if x.kind != "extra") == visible(wanted)
    assert "\n".join(x.text for x in lines if x.kind != "missing") == visible(given_text)


def test_endless_answers_are_cut_and_say_so():
    shown = visible("a\n" * 500 + "b")
    assert shown.endswith("… 381 more lines")
    assert visible("x" * 1000).endswith("… 600 more characters")


def test_markdown_has_a_row_for_each_slice_and_a_picture():
    summary = summarise(answered("1" * 80 + "0" * 40), resamples=1000)
    text = summary_markdown(summary, "combo")
    assert "| **combo** | 120 | 66.7 % (57.8 % to 74.5 %) | 100.0 %" in text
    assert "data:image/png;base64,iVBOR" in text
    assert len(text) < 60_000
    assert summary_png(summary, "combo") == summary_png(summary, "combo")
    with pytest.raises(EvaluationError, match="no slice `odd`"):
        summary_markdown(summary, "odd")


CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,2400",
]


def distinct_rows(png):
    """How many different scan lines an 8-bit, not interlaced PNG has, before unfiltering."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    data, at = b"", 8
    while at < len(png):
        size = struct.unpack(">I", png[at : at + 4])[0]
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    raw = zlib.decompress(data)
    stride = 1 + width * {2: 3, 6: 4}[colour]
    assert len(raw) == stride * height
    return len({raw[row * stride : (row + 1) * stride] for row in range(height)})


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_the_page_and_runs_nothing_in_it(tmp_path):
    report, picture = tmp_path / "report.html", tmp_path / "report.png"
    running = (
        "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    )
    report.write_text(page(given_text=running), encoding="utf-8")
    shown = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={picture}",
            "--dump-dom",
            report.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    reader = Reader(shown)
    assert "Promoted by the gate" in reader.text
    assert "profile demo" in reader.text
    assert "<title>netlang_demo (demo): evaluation report</title>" in shown
    assert "script" not in reader.tags
    assert distinct_rows(picture.read_bytes()) > 200
