"""The `modelops` command: one function per command, no logic."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from modelops.errors import CustomizationError, ModelopsError
from modelops.offline import stay_offline

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Own the models shaped by your own data: one YAML file each, from sources to a release.",
)
base_app = typer.Typer(no_args_is_help=True, help="Base models: import and list.")
release_app = typer.Typer(no_args_is_help=True, help="Releases: list, show, promote, roll back.")
audit_app = typer.Typer(no_args_is_help=True, help="The ledger's hash chain.")
app.add_typer(base_app, name="base")
app.add_typer(release_app, name="release")
app.add_typer(audit_app, name="audit")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
Name = Annotated[str, typer.Argument(help="The customization's file name without .yaml.")]
BaseName = Annotated[
    str | None, typer.Option("--base", help="Base model; default: the first the file lists.")
]
Profile = Annotated[str, typer.Option(help="Profile of the customization file.")]
Actor = Annotated[str, typer.Option(envvar="USER", help="Who does this, for the audit log.")]


def main() -> None:
    """Entry point: errors of ours become one message, never a stack trace."""
    stay_offline()
    try:
        app()
    except ModelopsError as error:
        typer.secho(f"{error}", err=True, fg="red")
        sys.exit(2 if isinstance(error, CustomizationError) else 1)


@app.command()
def check(as_json: Json = False) -> None:
    """Every error of every customization file at once; exit code 2 when there is one."""
    from modelops.customization_files import check
    from modelops.home import find_checkout

    problems = check(find_checkout(Path.cwd()))
    if as_json:
        _print_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    raise typer.Exit(2 if problems else 0)


@app.command()
def schema() -> None:
    """The JSON Schema of a customization file, for editors."""
    from modelops.customization_files import json_schema

    _print_json(json_schema())


@base_app.command("add")
def base_add(
    name: str,
    online: Annotated[bool, typer.Option(help="Allow a model hub for this command.")] = False,
) -> None:
    """Import a base model declared in bases.yaml."""
    from modelops.bases.importing import add_base
    from modelops.home import Home
    from modelops.progress import terminal

    home = Home.find()
    with terminal() as report:
        base = add_base(home.declaration(name), home.bases, online=online, report=report)
    typer.echo(f"{base.id} is in {base.folder}")


@base_app.command("list")
def base_list(as_json: Json = False) -> None:
    """Base models that were imported."""
    from modelops.bases.shelf import list_bases
    from modelops.home import Home

    bases = list_bases(Home.find().bases)
    if as_json:
        _print_json([base.card.model_dump(mode="json") for base in bases])
    for base in [] if as_json else bases:
        card = base.card
        origin = " ".join(card.source.values())
        typer.echo(f"{base.id}  {card.parameter_count:,} parameters  {card.licence}  {origin}")


@app.command()
def run(name: Name, base: BaseName = None, profile: Profile = "full") -> None:
    """From sources to release: the customization's Dagster job, in this terminal.

    The base has to be imported before (`modelops base add`). Exit code 0: released. 3: everything
    ran and the gate said no. 2: a file is wrong. 1: something broke.
    """
    from modelops.demo import launch
    from modelops.home import Home

    raise typer.Exit(launch(Home.find(), name, profile, base)["exit_code"])


@app.command()
def demo(
    name: Annotated[str, typer.Argument(help="Customization to show.")] = "netlang",
    profile: Profile = "demo",
) -> None:
    """A base model, a corpus, training, evaluation, a gate, a release: on this machine."""
    from modelops.demo import demonstrate
    from modelops.home import Home

    raise typer.Exit(demonstrate(Home.find(), name, profile))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Where Dagster's page listens, on loopback.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Where MLflow's page listens.")] = 5000,
) -> None:
    """Dagster's UI and daemon and MLflow's UI, under one supervisor; Ctrl-C stops all."""
    from modelops.home import Home
    from modelops.supervisor import command

    argv, environment, addresses = command(Home.find(), port=port, mlflow_port=mlflow_port)
    for title, address in addresses.items():
        typer.echo(f"{title:<8} {address}")
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment)


@release_app.command("list")
def release_list(name: Name, profile: Profile = "full", as_json: Json = False) -> None:
    """Every release of a customization, newest first."""
    from modelops.home import Home
    from modelops.release.releases import list_releases

    home = Home.find()
    slug = home.customization(name, profile).slug
    releases = list_releases(home.ledger, slug, home.registry)
    if as_json:
        _print_json([asdict(release) for release in releases])
    for one in [] if as_json else releases:
        typer.echo(
            f"{slug} v{one.version}  {one.status:<11} {one.digest[:12]}  {one.base}  "
            f"epoch {one.epoch}  {one.at[:19]}"
        )


@release_app.command("show")
def release_show(
    name: Name,
    profile: Profile = "full",
    version: Annotated[
        str, typer.Option(help="Version number, champion or previous.")
    ] = "champion",
) -> None:
    """One release, by version number or alias, with metrics and decision, as JSON."""
    from modelops.home import Home
    from modelops.lifecycle.releasing import show

    home = Home.find()
    _print_json(show(home, home.customization(name, profile), version))


@release_app.command("promote")
def release_promote(
    name: Name, base: BaseName = None, profile: Profile = "full", actor: Actor = "unknown"
) -> None:
    """Promote the newest evaluated adapter, if its recorded decision says so."""
    from modelops.home import Home
    from modelops.lifecycle.releasing import release_adapter

    home = Home.find()
    customization = home.customization(name, profile)
    chosen = home.base(base or customization.bases[0], customization)
    released = release_adapter(customization, home, chosen, actor=actor)
    typer.echo(f"{released.name} v{released.version} is {released.status}, epoch {released.epoch}")


@release_app.command("rollback")
def release_rollback(name: Name, profile: Profile = "full", actor: Actor = "unknown") -> None:
    """Go back to the release that served before."""
    from modelops.home import Home
    from modelops.lifecycle.releasing import roll_back

    home = Home.find()
    serving = roll_back(home, home.customization(name, profile), actor=actor)
    typer.echo(f"{serving.name}@{serving.digest[:12]} v{serving.version} is champion again")


@audit_app.command("verify")
def audit_verify(as_json: Json = False) -> None:
    """Recompute the hash chain; exit code 1 names the first row that does not fit."""
    from modelops.home import Home

    head = Home.find().ledger.verify_audit()
    if as_json:
        _print_json(asdict(head))
    else:
        typer.echo(f"{head.rows} rows, chain intact, head {head.hash}")


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))


if __name__ == "__main__":
    main()
