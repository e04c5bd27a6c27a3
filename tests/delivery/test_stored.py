"""The readings of an outbox, read beside the daemon that has it open."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.delivery import stored
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.errors import OutboxError
from tests.support.records import event, numbered_reading


def test_all_readings_are_found_while_the_outbox_is_open(tmp_path: Path) -> None:
    """Waiting and delivered ones, each once, in order; events, markers and the accepted state are none."""
    records = [numbered_reading(number) for number in range(9)]
    outbox = Outbox(tmp_path, "dock3")
    for record in records:
        outbox.put_all([record, event()])
        outbox.done(outbox.readings(0, limit=1))
    assert stored.readings(tmp_path) == records
    outbox.close()
    assert stored.readings(tmp_path) == records


def test_what_is_damaged_is_left_out(tmp_path: Path) -> None:
    """A reading with a flipped bit is missing, the others are there."""
    outbox = Outbox(tmp_path, "dock3")
    outbox.done([entry for n in range(9) if (outbox.put(numbered_reading(n)),) for entry in outbox.readings(n)])
    outbox.close()
    [log] = tmp_path.glob("past-*.log")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    for path in tmp_path.glob("outbox-*"):
        path.unlink()
    assert len(stored.readings(tmp_path)) == 8


def test_a_folder_that_is_not_there_or_not_ours(tmp_path: Path) -> None:
    """The first holds nothing; a file that is no file of ours is named."""
    assert stored.readings(tmp_path / "none") == []
    (tmp_path / "past-00000000.log").mkdir()
    with pytest.raises(OutboxError, match=r"past-00000000\.log"):
        stored.readings(tmp_path)
