"""Take the pictures in docs/images from a running `modelops up` and the newest eval report.

    python docs/take_screenshots.py [--group netlang_demo] [--dagster URL] [--mlflow URL]

It needs chromium and, like every command, a working directory inside the checkout. The browser can
reach nothing beyond loopback; what a page asks for elsewhere is refused and named.
"""

import argparse
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, sync_playwright

from modelops.home import Home

IMAGES = Path(__file__).resolve().parent / "images"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
REMEMBERED = {
    "dagster-nav-collapsed": "true",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
}
"""What the pages keep in the browser: no side bars, so that the content has the room."""


def main() -> None:
    """Take every picture."""
    options = parse()
    report = newest_report(options.group)
    with browser(options.chromium) as page:
        take_lineage(page, options.dagster, options.group)
        take_asset(page, options.dagster, options.group)
        take_model(page, options.mlflow, options.group)
        take_report(page, report)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", default="netlang_demo", help="customization and profile")
    parser.add_argument("--dagster", default="http://127.0.0.1:3000", help="address of its UI")
    parser.add_argument("--mlflow", default="http://127.0.0.1:5000", help="address of its UI")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    return parser.parse_args()


def newest_report(group: str) -> Path:
    """The page that the newest decision of this lineage was made on."""
    home = Home.find()
    decisions = home.ledger.decisions(group)
    if not decisions:
        sys.exit(f"The ledger in {home.root} has no decision on {group}: run it, or set --group.")
    return home.store.get("eval_report", decisions[-1].report).path("report.html")


@contextmanager
def browser(chromium: str | None) -> Generator[Page]:
    """A page in light colours that cannot leave the machine."""
    if not chromium:
        sys.exit("chromium is not installed: apt-get install chromium, or set --chromium.")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = running.new_context(
            device_scale_factor=1.5, color_scheme="light", service_workers="block"
        )
        context.route("**/*", refuse_beyond_loopback)
        for name, value in REMEMBERED.items():
            context.add_init_script(f"localStorage.setItem({name!r}, {value!r})")
        yield context.new_page()
        running.close()


def refuse_beyond_loopback(route: Route) -> None:
    """Let a request pass when it stays on this machine."""
    address = urlsplit(route.request.url)
    if address.scheme in ("file", "data", "blob") or address.hostname in LOOPBACK:
        route.continue_()
        return
    sys.stderr.write(f"refused {route.request.url}\n")
    route.abort()


def take_lineage(page: Page, dagster: str, group: str) -> None:
    """The group's assets; at this width Dagster draws the names large."""
    location = "locations/__repository__@modelops"
    show(page, f"{dagster}/{location}/asset-groups/{group}/lineage", "release", (1240, 460))
    save(page, "lineage")


def take_asset(page: Page, dagster: str, group: str) -> None:
    """The eval report's metadata, and the table and plot behind its `metrics`."""
    show(page, f"{dagster}/assets/{group}/eval_report", "[Show Markdown]", (1500, 1150))
    save(page, "asset")
    page.get_by_text("[Show Markdown]").click()
    dialog = page.get_by_role("dialog").last
    dialog.get_by_role("img").last.wait_for()
    page.wait_for_timeout(1000)  # until it has faded in
    dialog.screenshot(path=IMAGES / "metrics.png")


def take_model(page: Page, mlflow: str, group: str) -> None:
    """The registered model with its versions."""
    show(page, f"{mlflow}/#/models/{group}", "champion", (1500, 760))
    save(page, "mlflow")


def take_report(page: Page, report: Path) -> None:
    """The first screens of the report."""
    show(page, report.as_uri(), "Item by item", (1100, 1400))
    save(page, "report")


def show(page: Page, url: str, text: str, size: tuple[int, int]) -> None:
    """Open a page and wait until it shows `text` and has come to rest."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(url)
    page.get_by_text(text).first.wait_for()
    page.wait_for_timeout(2500)  # layouts and status arrive after the words


def save(page: Page, name: str) -> None:
    """The visible part of the page as docs/images/NAME.png."""
    IMAGES.mkdir(exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
