"""Commands for the daemon: run, config, check, selftest, explain."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_daemon.cli.shared import EXIT_CONFIG, EXIT_FAILED, complain, config_option, finding_line, json_option, say

if TYPE_CHECKING:
    from edge_daemon.tools.selftest import Sample

SECTIONS = (
    "config",
    "system",
    "runtime",
    "model",
    "camera",
    "mqtt",
    "state",
    "updates",
    "opinion",
    "machine",
    "service",
)


@click.command()
@config_option
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
def run(config: Path | None, verbose: bool) -> None:
    """Read the camera and publish, until stopped (Ctrl-C, SIGTERM).

    Without --config: the first Pi camera, the broker on this machine, and every number in the picture.
    """
    from edge_daemon import app
    from edge_daemon.config.last_good import ConfigFile
    from edge_daemon.system import log_setup
    from edge_daemon.system.folders import keep_private, state_folder

    keep_private()
    log_setup.setup(verbose)
    app.main(ConfigFile(config, state_folder() / "last-good.toml"))


@click.command("config")
def print_config() -> None:
    """Print a configuration to start from, with every key explained.

    \b
    edge-daemon config > my.toml
    """
    from edge_daemon.config.file import default_text

    say(default_text().removesuffix("\n"))


@click.command()
@click.argument("section", required=False, type=click.Choice(SECTIONS), metavar="[SECTION]")
@config_option
@json_option
def check(section: str | None, config: Path | None, as_json: bool) -> None:
    """Check the installation, and print a remedy for each problem.

    One line for each finding: OK, WARN or FAIL. It changes nothing and may run beside the daemon, as root or as the
    daemon's user. SECTION is one of config, system, runtime, model, camera, mqtt, state, updates, opinion, machine,
    service; without it all are checked.
    """
    from edge_daemon.check.run import Level, checks

    failed = set()
    for finding in checks(config, section):
        say(asdict(finding) if as_json else finding_line(finding, f"{finding.section:7}  "))
        if finding.level is Level.FAIL:
            failed.add(finding.section)
    sys.exit(EXIT_CONFIG if "config" in failed else EXIT_FAILED if failed else 0)


@click.command()
@config_option
def selftest(config: Path | None) -> None:
    """Draw ten numbers and read them: does everything work here?

    Run this after an installation. It needs no camera and no broker. Exit code 0 only if all ten are read right.
    """
    from edge_daemon.config.schema import load
    from edge_daemon.tools import selftest as engine

    read = [found for found in engine.samples(load(config).model) if _reported(found)]
    say(f"read {len(read)} of {engine.SAMPLES} sample numbers")
    sys.exit(0 if len(read) == engine.SAMPLES else EXIT_FAILED)


def _reported(sample: Sample) -> bool:
    """Whether a number was read right; a wrong one is printed."""
    if not sample.is_right:
        complain(f"written {' '.join(sample.written)}, read {' '.join(sample.read) or 'nothing'}")
    return sample.is_right


@click.command()
@click.argument("seq", default="last", metavar="[SEQ|last]")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw it: the patch, and each digit with its candidates.",
)
@json_option
def explain(seq: str, picture: Path | None, as_json: bool) -> None:
    """Show why a recent reading has its value and status.

    Prints its digits, its votes and its rule or quality problems.

    SEQ is the number of the reading, as in its payload; without it, the newest. The daemon keeps the last few readings
    on this machine.
    """
    from edge_daemon.system.folders import runtime_folders
    from edge_daemon.tools import explain as engine

    explanation = engine.find([folder / "explain" for folder in runtime_folders()], seq)
    say(engine.as_json(explanation) if as_json else "\n".join(engine.as_text(explanation)))
    if picture:
        engine.save(engine.draw(explanation), picture)


@click.command()
@click.option("--since", default="today", help='today, yesterday, "12h", or a time such as "2026-11-24 22:00".')
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    default="report",
    metavar="FOLDER",
    help="Where the page is written.",
)
@config_option
def report(since: str, folder: Path, config: Path | None) -> None:
    """Write a page that shows what was published: plots, and what was withheld and why.

    It is FOLDER/index.html, one file that needs no network. It shows the readings that the outbox still has; the
    newest few may be missing while the daemon runs. Plots need the extra `report`.
    """
    from edge_daemon.config.schema import load
    from edge_daemon.system.folders import state_folders
    from edge_daemon.tools.reporting import history, page

    now = time.time()
    try:
        begin = history.beginning(since, now)
        if begin >= now:
            raise ValueError
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f'{since!r}: write today, yesterday, "12h" or "2026-11-24 22:00", in the past', param_hint="--since"
        ) from None
    say(str(page.write(folder, history.report(state_folders(), begin, now, load(config).device))))
