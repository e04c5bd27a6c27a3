"""Commands that use the broker: watch, call, mqtt, schema."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_daemon.cli.shared import EXIT_FAILED, complain, config_option, json_option, say
from edge_daemon.errors import ConfigError

if TYPE_CHECKING:
    from edge_daemon.mqtt.address import BrokerAddress


@click.command()
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Default: the configured broker, or localhost.")
@click.option("--device", metavar="ID", help="Only messages of this device.")
@config_option
@json_option
def watch(broker: str | None, device: str | None, config: Path | None, as_json: bool) -> None:
    """Show readings as they arrive at a broker, until Ctrl-C.

    In a terminal: one line for each field, with its trend in the last hour. Into a file or a pipe, or with --json: one
    line for each message. NO_COLOR=1 turns colours off. The login comes from the [mqtt] section of --config.
    """
    from edge_daemon.cli import live
    from edge_daemon.system import log_setup
    from edge_daemon.tools import watch as engine

    log_setup.setup(verbose=False)
    rounds = engine.rounds(broker_address(broker, config))
    wanted = ((one for one in found if device in (None, one[0].split("/")[1])) for found in rounds)
    if live.is_wanted() and not as_json:
        live.show(wanted)
    else:
        for topic, payload in chain.from_iterable(wanted):
            say({"topic": topic, "payload": payload} if as_json else engine.describe(topic, payload))


@click.command()
@click.argument("command")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Default: the configured broker, or localhost.")
@click.option("--device", metavar="ID", help="Another device than the configured one.")
@config_option
@json_option
def call(
    command: str, arguments: tuple[str, ...], broker: str | None, device: str | None, config: Path | None, as_json: bool
) -> None:
    """Send a command to a running daemon, over the broker.

    \b
    health_check                      return its health
    read_now                          read all fields again, changed or not
    set_value field=NAME value=TEXT   set the accepted value by hand
    snapshot field=NAME               publish a picture of the field on snapshot/NAME, if [mqtt] snapshots = true
    history from_seq=NUMBER           publish delivered readings again on history, from this number on
    model_check                       check for a newer model
    model_install                     check for a newer model and install it
    model_rollback                    return to the model before this one
    reload                            read the configuration again; at most once a minute
    restart                           end, so that the service manager starts it again; at most once a minute

    A refused command prints the reason on stderr; the exit code is then 1.
    """
    from edge_daemon.config.schema import load
    from edge_daemon.tools.call import call as engine

    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", command):
        raise click.BadParameter(f"{command!r}: expected a name", param_hint="COMMAND")
    response = engine(
        broker_address(broker, config), device or load(config).device, command, dict(map(_argument, arguments))
    )
    if as_json:
        say(response)
    elif response["status"] == "ok":
        say(json.dumps(response["data"], indent=2) if response["data"] else "ok")
    else:
        complain(response["error"])
    sys.exit(0 if response["status"] == "ok" else EXIT_FAILED)


def _argument(word: str) -> tuple[str, Any]:
    """KEY=VALUE as (key, value); the value is parsed as JSON where it is valid JSON, else it is text."""
    key, equals, value = word.partition("=")
    if not equals:
        raise click.BadParameter(f"{word!r}: write KEY=VALUE", param_hint="arguments")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@click.group()
def mqtt() -> None:
    """Delete what a device has left at the broker: mqtt clean."""


@mqtt.command("clean")
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Default: the configured broker, or localhost.")
@click.option("--device", metavar="ID", help="Another device than the configured one.")
@config_option
def mqtt_clean(broker: str | None, device: str | None, config: Path | None) -> None:
    """Delete all retained messages of a device.

    The device disappears from Home Assistant, too. Stop the daemon first. Prints each topic that was cleared.
    """
    from edge_daemon.config.schema import load
    from edge_daemon.tools.clean import clean

    given = load(config)
    fields = [field.name for field in given.fields]
    for topic in clean(broker_address(broker, config), device or given.device, fields):
        say(topic)


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON Schema of a payload.

    Without NAME: all names and their topics.

    \b
    edge-daemon schema reading > reading.schema.json
    """
    from edge_daemon.mqtt.payloads import PAYLOADS
    from edge_daemon.mqtt.schemas import schema as find

    if name is None:
        for name, (topic, _) in PAYLOADS.items():
            say(f"{name:12}  edge_daemon/<device>/{topic}")
    elif name in PAYLOADS:
        say(json.dumps(find(name), indent=2))
    else:
        raise click.BadParameter(f"{name!r}: one of {', '.join(PAYLOADS)}", param_hint="NAME")


def broker_address(broker: str | None, config: Path | None) -> BrokerAddress:
    """The address in `broker`, or else the configured one; the login is the configured one."""
    from edge_daemon.config.schema import load
    from edge_daemon.mqtt.address import resolve

    given = load(config).mqtt
    try:
        return resolve(replace(given, url=broker) if broker else given)
    except ConfigError:  # the configured one has been checked
        raise click.BadParameter(f"{broker!r}: write mqtt://HOST:PORT", param_hint="--broker") from None
