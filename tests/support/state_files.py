"""What lies in the folders of a daemon that ran for some time, besides its outbox and its configuration."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from edge_daemon.model_store.store import Pointer
from edge_daemon.on_device.explain_log import MAX_READINGS
from edge_daemon.on_device.samples import Sample
from edge_daemon.updates import install

SAMPLE = Sample(1.5, "tank", "unsure", [("12", 0.5)], [], "digits@1", b"\x89PNG")
CONTENTS: Mapping[str, bytes] = {
    "state/models/reads": b"digits@0.4.0",
    "state/models/active": msgspec.json.encode(Pointer("9.0.0", "8.0.0", True)),
    "state/models/deaths": b"2",
    "state/models/refused": b'{"9.0.0": "too slow"}',
    "state/edgetpu": b'{"failures": 1}',
    f"state/updates/{install.STATE_FILE}": msgspec.json.encode(install.UpdateState()),
    "state/clock-steps": b"[[7,86400.0],[9,-3600.5]]",
    "state/transactions": b'\n{"key":"restart/7","answer":null}\n',
    "state/opinions.json": b'{"day":"2026-11-24","count":7}',
    "state/discovery.json": b'{"homeassistant/device/a/config":{"problem":"binary_sensor"}}',
    "state/published.json": b'{"fields":["tank"],"bare_value":true}',
    "state/samples/0-0.json": msgspec.json.encode(SAMPLE),
    "state/samples/1-0.json": msgspec.json.encode(SAMPLE),
    "run/preview/frame": b"\x95\x01\xcb?\xf8\0\0\0\0\0\0\x02\x92\x01\x01\xc4\x01\x07",
    "run/preview/request": b"",
    "run/preview/daemon": b"4711\n",
    **{f"run/explain/{number}.json": b"{}" for number in range(1, MAX_READINGS + 1)},
    "run/steps/running": b'[{"place":"a","content":"b"}]',
    "run/steps/deaths": b'[{"step":{"place":"a","content":"b"},"at":1.0}]',
    "run/health.json": b'{"frames": 7, "problems": {}}',
}
"""Path, from the folder that holds `state` and `run` -> content."""
