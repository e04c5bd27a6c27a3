"""The command for the camera: calibrate."""

from __future__ import annotations

from pathlib import Path

import click

from edge_daemon.cli.shared import complain, config_option, json_option, say


@click.command()
@config_option
@click.option("--write", is_flag=True, help="Store it in the configuration; the daemon uses it after a reload.")
@json_option
def calibrate(config: Path | None, write: bool, as_json: bool) -> None:
    """Propose exposure, gain, focus and white balance to lock.

    The camera finds them automatically first. With locked values the picture stays the same when somebody walks by.

    Stop the daemon first: only one program can use the camera. Light the scene as it will be, with a number in view.
    To make the camera automatic again, delete the lines from the configuration.
    """
    from dataclasses import asdict

    from edge_daemon.config.edit import store_keys
    from edge_daemon.config.schema import load
    from edge_daemon.tools import calibrate as engine

    if write and config is None:
        raise click.UsageError("--write needs --config FILE to write to")
    found = engine.propose(load(config).camera)
    if as_json:
        say(asdict(found) | {"advice": found.advice})
    else:
        say("\n".join(["[camera]", *engine.lines(found.keys)]) if found.keys else "nothing to change")
    if found.advice:
        complain(found.advice)
    if write and config is not None and found.keys:
        store_keys(config, "camera", found.keys)
        complain(
            f"{config}: written; `edge-daemon call reload`, or systemctl reload edge-daemon, makes the daemon use it"
        )
