"""The demo: base, run, and a table a manager understands; everything it shows is read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from modelops.bases.shelf import has_base
from modelops.errors import ModelopsError
from modelops.home import Home
from modelops.lifecycle.releasing import Standing, standing

if TYPE_CHECKING:
    from rich.table import Table

    from modelops.customization import Customization

VERDICTS = {
    "promote": "[bold green]promote[/]",
    "hold": "[yellow]hold[/]",
    "refuse": "[red]refuse[/]",
}


def demonstrate(home: Home, name: str, profile: str) -> int:
    """Run one profile end to end, write summary.json, show the table; 0 when a release serves."""
    from rich.console import Console

    console, started = Console(), time.monotonic()
    customization = home.customization(name, profile)
    base = customization.bases[0]
    _say(console, customization, base)
    base_seconds = _base(home, base)
    outcome = launch(home, name, profile, base)
    if outcome["exit_code"] == 1:
        return 1
    found = standing(customization, home, home.base(base, customization))
    seconds = {"base": base_seconds, **outcome["seconds"], "total": time.monotonic() - started}
    _write_summary(home, summary(found, seconds))
    console.print(_table(found))
    _explain(console, home, found, outcome["reused"], seconds)
    return outcome["exit_code"]


def launch(home: Home, name: str, profile: str, base: str | None) -> dict[str, Any]:
    """Run the customization's Dagster job in a child process that shares the terminal."""
    customization = home.customization(name, profile)  # a wrong file is told before anything starts
    for needed in {base or customization.bases[0], customization.bases[0]}:
        home.base(needed, customization)  # the first one's tokenizer measures the corpus
    environment = home.environment()
    result = home.root / "dagster" / f"outcome-{os.getpid()}.json"
    argv = [sys.executable, str(home.checkout / "launch.py"), name, "--profile", profile]
    argv += ["--result", str(result), *(["--base", base] if base else [])]
    code = subprocess.run(argv, cwd=home.checkout, env=environment).returncode
    try:
        return json.loads(result.read_text()) | {"exit_code": code}
    except FileNotFoundError as error:
        raise ModelopsError(
            f"The run ended with code {code} before it could say how: see the lines above. "
            "Run the same command again; finished steps are reused, training continues."
        ) from error
    finally:
        result.unlink(missing_ok=True)


def summary(found: Standing, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What `summary.json` holds; rates are shares, intervals are 95 %."""
    release = found.release
    return {
        "customization": found.customization.name,
        "profile": found.customization.profile,
        "base_id": found.base.id,
        "base": asdict(found.bare),
        "adapter": asdict(found.adapted),
        "decision": {
            "verdict": found.decision.verdict,
            "reasons": list(found.decision.reasons),
        },
        "release": None
        if release is None
        else {
            "name": found.customization.slug,
            "version": release.version,
            "alias": release.alias,
            "digest": release.digest,
        },
        "seconds": {step: round(value, 1) for step, value in seconds.items()},
    }


def _base(home: Home, name: str) -> float:
    started = time.monotonic()
    if not has_base(name, home.bases):
        argv = [sys.executable, "-m", "modelops.cli", "base", "add", name]
        done = subprocess.run(argv, cwd=home.checkout, env=home.environment())
        if done.returncode:
            raise ModelopsError(f"{name} was not imported: correct what is said above, try again.")
    return time.monotonic() - started


def _write_summary(home: Home, value: Mapping[str, Any]) -> None:
    folder = home.root / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".summary-{os.getpid()}.json"
    draft.write_text(json.dumps(value, indent=2) + "\n")
    draft.replace(folder / "summary.json")


def _say(console: Any, customization: Customization, base: str) -> None:
    console.print(
        f"[bold]{customization.name}[/], profile [bold]{customization.profile}[/], on {base}: "
        f"{customization.purpose}",
        soft_wrap=True,
    )


def _table(found: Standing) -> Table:
    from rich.table import Table

    table = Table(
        title=f"Exactly right on {found.adapted.n} unseen items "
        f"({found.customization.name}, profile {found.customization.profile})"
    )
    for heading in ("model", "equivalence rate", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    examples = found.report.meta["examples"]
    rows = {
        f"{found.base.name}, shown {examples} examples": found.bare,
        "your adapter on it": found.adapted,
    }
    for title, rate in rows.items():
        interval = f"{rate.ci_low:.1%} to {rate.ci_high:.1%}"
        table.add_row(title, f"{rate.equivalence:.1%}", interval)
    return table


def _explain(
    console: Any,
    home: Home,
    found: Standing,
    reused: Mapping[str, bool],
    seconds: Mapping[str, float],
) -> None:
    console.print(f"Gate: {VERDICTS[found.decision.verdict]}")
    for reason in found.decision.reasons:
        console.print(f"  - {reason}", highlight=False, soft_wrap=True)
    if found.release:
        release = found.release
        console.print(
            f"MLflow: [bold]{found.customization.slug}[/] version {release.version}, "
            f"alias {release.alias}, adapter {release.digest[:12]}"
        )
    kept = [name for name, was in reused.items() if was]
    if kept:
        names = ", ".join(kept)
        console.print(f"Reused, because nothing they depend on changed: {names}", soft_wrap=True)
    console.print(f"Took {seconds['total']:.0f} s. Where to look next:")
    console.print(f"  report   {found.report.path('report.html')}", soft_wrap=True)
    console.print(f"  numbers  {home.root / 'demo' / 'summary.json'}", soft_wrap=True)
    console.print("  lineage  modelops up (or make up), then the addresses it prints")
