"""`--since`: readings that were delivered while nobody collected are asked for, and come from the device."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.collecting import missing
from scripts.collecting.postgresql import PostgreSQL
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.databases.collecting import collecting, received, said
from tests.support.databases.postgres import Postgres, postgres, server
from tests.support.pictures.paper import write_page
from tests.support.program import call, daemon
from tests.support.received import has_texts

__all__ = ["postgres", "server"]

AT = 1_795_485_000.0


@pytest.mark.slow
def test_what_is_missing_is_asked_for(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder, postgres: Postgres
) -> None:
    """A collector that comes later has everything that the device has published, and the broker no longer holds."""
    page = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    with daemon(tmp_path, broker.url, f'source = "files"\npath = "{page}"\nloop = true'):
        recorder.wait_for(has_texts("2021", "38"), 60)
        for _ in range(2):
            call(broker.url, "read_now")  # each of them replaces the retained readings
        published = {said["id"] for said in recorder.payloads("/reading/auto-1") + recorder.payloads("/reading/auto-2")}
        assert len(published) >= 6
        with collecting(postgres.url, "--broker", broker.url, "--since", "1h") as running:
            until(lambda: "--since: 1 devices asked" in running.told, 60)
            until(lambda: published <= set(postgres.query("SELECT id FROM edge_daemon.reading")), 60)


def test_where_to_begin(postgres: Postgres) -> None:
    """At the first gap of the time that was asked for; with none, after the newest; at 0 if the first is not so old."""
    hour = 3600.0
    with closing(PostgreSQL(postgres.url)) as database:
        for device, seqs in {"whole": (1, 2, 3), "gap": (1, 2, 5, 8), "new": (7, 8)}.items():
            first = 0.0 if device == "new" else -30 * hour
            batch = [said(seq, device=device, captured_at=AT + first + i * hour) for i, seq in enumerate(seqs)]
            database.store([received(message) for message in batch])
        since = datetime.fromtimestamp(AT - 29.5 * hour, UTC)
        assert missing.first_missing(database, since) == {"whole": 4, "gap": 3, "new": 0}
