"""Published once at the start: `info`, a change of the model or program, and Home Assistant discovery."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path

from edge_daemon import __version__
from edge_daemon.config.schema import Config
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Classifier, Event, Message
from edge_daemon.mqtt import home_assistant, messages
from edge_daemon.mqtt.payloads import InfoPayload
from edge_daemon.mqtt.stale_topics import stale_topics
from edge_daemon.system import atomic
from edge_daemon.system.folders import state_folder

log = logging.getLogger(__name__)

UNDONE = Path("/opt/edge-daemon/undone")
"""Written by scripts/install/first-hour: the version that it gave up, and when."""


def announce(
    config: Config, classifier: Classifier, before: str | None, outbox: Outbox, last_values: LastValueCache
) -> None:
    """Publish what this daemon is. `before` is the model that ran before, where it was another one: that is an event.

    Raises OutboxError.
    """
    if before:
        detail: dict[str, str | int | float | None] = {"model": classifier.name, "before": before}
        outbox.put(Event("model_changed", None, time.time(), detail))
    announce_undone_upgrade(outbox, UNDONE, state_folder() / "undone")
    clear_stale_topics(config, outbox, last_values)
    announce_to_home_assistant(config, last_values)
    last_values.set(messages.info(config.device, info(config, classifier)))


def announce_undone_upgrade(outbox: Outbox, note: Path, told: Path) -> None:
    """Publish once that a version of this program was given up. `told` keeps the note that was published last.

    Raises OutboxError.
    """
    text = _text(note)
    if not text or text == _text(told):
        return
    undone = text.split()[0]
    log.warning("version %s was given up in its first hour; %s is used again", undone, __version__)
    outbox.put(Event("upgrade_undone", None, time.time(), {"version": __version__, "undone": undone}))
    with suppress(OSError):
        atomic.write(told, text.encode())


def _text(path: Path) -> str:
    """The text of a small file; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def clear_stale_topics(config: Config, outbox: Outbox, last_values: LastValueCache) -> None:
    """Clear the readings of fields that are configured no longer, and bare values where they are switched off."""
    fields, path = [field.name for field in config.fields], state_folder() / "published.json"
    accepted = [reading.field for reading in outbox.accepted()]
    last_values.set_cleared(stale_topics(config.device, path, fields, config.mqtt.bare_value, accepted))


def info(config: Config, classifier: Classifier) -> InfoPayload:
    """The payload of `info`; no secrets."""
    return InfoPayload(
        version=__version__,
        model=classifier.name,
        backend=classifier.backend,
        camera=config.camera.kind,
        fields=[field.name for field in config.fields],
        # camera and broker stay out: an address may hold a login
        config={
            "fields": config.written["fields"],
            "detail": config.mqtt.detail,
            "outbox": config.written["outbox"],
            "opinion": config.written["opinion"],
        },
    )


def announce_to_home_assistant(config: Config, last_values: LastValueCache) -> None:
    """Publish the discovery of all entities, and remove those that exist no longer."""
    path = state_folder() / "discovery.json"
    owned = home_assistant.load_owned(path)
    for message in discovery(config, owned):
        last_values.set(message)
    with suppress(OSError):  # then `edge-daemon mqtt clean` still removes all entities
        home_assistant.save_owned(path, owned)


def discovery(config: Config, owned: home_assistant.Owned) -> list[Message]:
    """The messages to Home Assistant. Brings `owned`, the entities that were ever sent, up to date."""
    fields = [
        home_assistant.Field(field.name, field.unit, field.text, field.monotone, field.device_class, field.state_class)
        for field in config.fields
    ]
    raw, updates = config.mqtt.detail != "value", bool(config.updates.url)
    found = home_assistant.components(config.device, fields, raw, config.mqtt.snapshots, updates)
    return home_assistant.messages(config.device, __version__, found, config.mqtt.home_assistant, owned)
