"""Services of the network, as avahi-browse prints them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.setup import mdns

PRINTED = """\
+;eth0;IPv6;Mosquitto\\032on\\032nas;_mqtt._tcp;local
=;eth0;IPv6;Mosquitto\\032on\\032nas;_mqtt._tcp;local;nas.local;fd00::5;1883;"a=1;b"
=;eth0;IPv4;Mosquitto\\032on\\032nas;_mqtt._tcp;local;nas.local;192.168.1.5;1883;
=;eth0;IPv4;K\\195\\188che\\.2;_mqtt._tcp;local;kitchen.local;192.168.1.6;1884;
=;eth0;IPv4;broken;_mqtt._tcp;local
"""


def test_what_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, by the name of its host; blanks and letters of names are as people wrote them."""
    program = tmp_path / mdns.PROGRAM
    program.write_text(f"#!/bin/sh\n[ \"$4\" = _mqtt._tcp ] && cat <<'END'\n{PRINTED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert mdns.can_search()
    assert mdns.find("_mqtt._tcp") == [
        mdns.Service("Mosquitto on nas", "nas.local", 1883), mdns.Service("Küche.2", "kitchen.local", 1884)
    ]  # fmt: skip


def test_nothing_to_search_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is found, and nothing fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (mdns.can_search(), mdns.find("_mqtt._tcp")) == (False, [])
