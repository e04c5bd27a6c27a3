"""Brokers that behave in any way: drawn CONNACKs, delays, cuts, refusals, packets that are wrong, large or malformed.

Some readings wait for delivery. After the drawn connections comes a good broker, which must receive every one of them
that was not refused for good.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import msgspec
from hypothesis import strategies as st

from edge_daemon.delivery.outbox import Outbox
from edge_daemon.errors import CourierError
from edge_daemon.mqtt.connection import Timeouts
from tests.campaigns.fuzz.campaign import Check, Died, Lost, Target, Wrong
from tests.campaigns.fuzz.whole_daemon import PATIENCE, Tracebacks, configuration, running, write_picture, written
from tests.support.brokers import hostile
from tests.support.brokers.hostile import Behaviour, HostileBroker, packet
from tests.support.delivery import delivering
from tests.support.records import numbered_reading

RECORDS = 7
HASTY = Timeouts(connect=2.0, connack=0.3, connack_v5=0.3, acknowledge=0.5, keepalive=2)
DEVICE = "bench"

raw = st.binary(max_size=40)
texts = st.sampled_from([b"", b"a", b"\xc3\xa9" * 20, b"\0", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xff", b"x" * 200])
"""Text, with what MQTT forbids: NUL, half a surrogate pair, bytes that are no UTF-8."""


def field(data: bytes) -> bytes:
    """Binary data or text as MQTT packs it."""
    return len(data).to_bytes(2, "big") + data


def one(number: int, *sizes: int) -> st.SearchStrategy[bytes]:
    """A property with a whole number of one of these lengths: the right one, and others."""
    edges = st.sampled_from([0, 1, 2, 127, 255, 65_535, 2**32 - 1])
    values = edges | st.integers(0, 2**32 - 1)
    return st.builds(
        lambda value, size: bytes([number]) + (value % 256**size).to_bytes(size, "big"), values, st.sampled_from(sizes)
    )


def named(number: int) -> st.SearchStrategy[bytes]:
    """A property with text, or with bytes that are none."""
    return (texts | raw).map(lambda data: bytes([number]) + field(data))


properties = st.one_of(
    one(0x21, 2), one(0x27, 4), one(0x13, 2), one(0x24, 1), one(0x25, 1), one(0x22, 2), one(0x11, 4), one(0x28, 1),
    one(0x29, 1), one(0x2A, 1), one(0x02, 4), one(0x01, 1), one(0x23, 2), one(0x0B, 1, 2, 4),
    *map(named, (0x12, 0x1F, 0x1A, 0x1C, 0x15, 0x16, 0x08, 0x09, 0x03)),
    st.builds(lambda one, two: b"\x26" + field(one) + field(two), raw, raw),
    st.integers(0, 255).map(lambda number: bytes([number])) | raw,
)  # fmt: skip
property_lists = st.lists(properties, max_size=4).map(b"".join)


def with_length(data: bytes) -> bytes:
    """Properties with their length in front; they are cut where that would need a second byte."""
    return bytes([len(data[:127])]) + data[:127]


codes = st.just(0) | st.sampled_from([0, 0, 0x10, 0x80, 0x83, 0x87, 0x8E, 0x90, 0x95, 0x97, 0x99]) | st.integers(0, 255)
connacks = st.builds(
    lambda flags, code, data: packet(hostile.CONNACK, bytes([flags, code]) + with_length(data)),
    st.integers(0, 3), st.just(0) | st.just(0) | codes, property_lists,
)  # fmt: skip
topics = (
    st.sampled_from(
        [f"edge_daemon/{DEVICE}/{end}" for end in ("availability", "request/read_now", "request/x", "enabled/set")]
        + ["homeassistant/status", "", "a/#", "\0", "$SYS/x"]
    ).map(str.encode)
    | raw
)
publishes = st.builds(
    lambda topic, mid, data, payload, flags: packet(
        hostile.PUBLISH, field(topic) + (mid if flags & 6 else b"") + with_length(data) + payload, flags
    ),
    topics, st.binary(min_size=2, max_size=2), property_lists, raw, st.integers(0, 15),
)  # fmt: skip
acknowledgements = st.builds(
    lambda kind, mid, code, data, flags: packet(kind, mid + bytes([code]) + with_length(data), flags),
    st.sampled_from([4, 5, 6, 7, 9, 11]), st.binary(min_size=2, max_size=2), codes, property_lists, st.integers(0, 15),
)  # fmt: skip
any_packets = st.builds(packet, st.integers(0, 15), raw, st.integers(0, 15))
disconnects = st.builds(lambda code, data: packet(14, bytes([code]) + with_length(data)), codes, property_lists)
large = st.sampled_from([200, 70_000, 3_000_000]).map(lambda size: packet(hostile.PUBLISH, field(b"a") + bytes(size)))
endless = st.just(b"\x30\xff\xff\xff\xff\xff") | st.just(b"\x30\xff\xff\xff\x7f")


@st.composite
def spoiled(draw: st.DrawFn, packets: st.SearchStrategy[bytes]) -> bytes:
    """A packet as it is, cut, longer, or with bytes changed."""
    data = bytearray(draw(packets))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)):
        if data:
            data[at % len(data)] = byte
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))]) + draw(st.just(b"") | raw)


said = st.one_of(publishes, acknowledgements, any_packets, disconnects, connacks, large, endless)
anything = said | spoiled(said)
outcomes = [hostile.OK] * 4 + [hostile.CUT, hostile.IGNORE, hostile.TWICE, 0x10, 0x80, 0x87, 0x97, 0x99, 0x55]
answers = st.lists(st.sampled_from(outcomes), max_size=4)
behaviours = st.builds(
    Behaviour,
    connack=connacks | connacks | spoiled(connacks) | anything | st.none(),
    connack_311=st.just(packet(2, b"\0\0")) | spoiled(st.just(packet(2, b"\0\0"))) | any_packets | st.none(),
    cut=st.sampled_from([False, False, False, True]),
    reset=st.booleans(),
    answers=answers,
    junk=st.just(b"") | anything | st.lists(anything, max_size=3).map(b"".join),
    granted=st.just(1) | st.integers(0, 255) | st.none(),
    say=st.lists(anything, max_size=3),
    crumbs=st.sampled_from([False, False, False, True]),
    enough=st.none() | st.integers(1, 3),
    patience=st.just(1.0),
)
cases = st.lists(behaviours, min_size=1, max_size=3)


@contextmanager
def delivery_checking(folder: Path) -> Iterator[Check]:
    """The delivering part alone, in this process and with short times."""
    numbers = count()
    with closing(Tracebacks()) as tracebacks:

        def check(case: list[Behaviour]) -> float:
            place = folder / str(next(numbers))
            outbox, broker = filled(place), HostileBroker(*case, Behaviour())
            try:
                with delivering(outbox, broker.url, HASTY) as delivery:
                    seconds = wait_for_all(broker, len(case), outbox, delivery.courier.check)
                check_payloads(broker)
            except CourierError as error:
                raise Died(f"{error!r} {error.__cause__!r}") from error
            finally:
                broker.close()
                outbox.close()
                shutil.rmtree(place)
            tracebacks.check()
            return seconds

        yield check


@contextmanager
def daemon_checking(folder: Path) -> Iterator[Check]:
    """The whole process."""
    numbers = count()
    write_picture(folder / "page.png", written("2021"))

    def check(case: list[Behaviour]) -> float:
        place = folder / str(next(numbers))
        outbox, broker = filled(place / "state"), HostileBroker(*case, Behaviour())
        outbox.close()
        try:
            with running(place, configuration(place, broker.url, f'path = "{folder}/page.png"')) as daemon:
                seconds = wait_for_all(broker, len(case), None, daemon.check)
                daemon.stop()
            check_payloads(broker)
        finally:
            broker.close()
            shutil.rmtree(place)
        return seconds

    yield check


def filled(folder: Path) -> Outbox:
    """An outbox with readings that wait."""
    outbox = Outbox(folder, DEVICE)
    for number in range(RECORDS):
        outbox.put(numbered_reading(number))
    return outbox


def wait_for_all(broker: HostileBroker, bad: int, outbox: Outbox | None, alive: Callable[[], None]) -> float:
    """Waits until each reading was acknowledged or refused for good; returns the seconds with the good broker."""
    began = time.monotonic()
    good_since = None
    while len(accepted(broker)) + len(refused(broker)) + (outbox.refused if outbox else 0) < RECORDS:
        alive()
        if good_since is None and len(broker.connections) > bad:
            good_since = time.monotonic()
        if time.monotonic() > (good_since or began) + PATIENCE:
            raise Lost(f"received are {sorted(accepted(broker))}, after {len(broker.connections)} connections")
        time.sleep(0.005)
    return time.monotonic() - good_since if good_since else 0.0


def accepted(broker: HostileBroker) -> set[int]:
    """The numbers of the readings that were acknowledged: in MQTT 3.1.1 every answer is an acknowledgement."""
    return {
        number(heard.payload)
        for heard in old(broker.heard)
        if heard.answer == hostile.TWICE
        or 0 <= heard.answer < (0x80 if broker.connections[heard.connection].version == 5 else 0x100)
    }


def refused(broker: HostileBroker) -> set[int]:
    """Those that were refused for good."""
    return {number(heard.payload) for heard in old(broker.heard) if heard.answer in (0x87, 0x90, 0x99)}


def old(heard: Sequence[hostile.Heard]) -> list[hostile.Heard]:
    """The readings that waited; the daemon makes others."""
    return [one for one in list(heard) if one.payload.startswith(b"{") and b'"text":"000000' in one.payload]


def number(payload: bytes) -> int:
    return int(msgspec.json.decode(payload)["text"])


def check_payloads(broker: HostileBroker) -> None:
    """Raises Wrong unless every reading is as it was stored."""
    for heard in old(broker.heard):
        found = msgspec.json.decode(heard.payload)
        if found["value"] != int(found["text"]) or found["unit"] != "pcs" or int(found["text"]) >= RECORDS:
            raise Wrong(f"{heard.payload!r}")


DELIVERY = Target(cases, delivery_checking)
WHOLE = Target(cases, daemon_checking)
