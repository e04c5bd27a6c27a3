"""Faults of brokers: name, script, and the expected result besides that everything is delivered."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.brokers import hostile
from tests.support.brokers.hostile import CUT, IGNORE, OK, TWICE, Behaviour, connack, disconnect, packet, publish

OFFLINE = publish("edge_daemon/bench/availability", b"offline", retain=True)


@dataclass(frozen=True)
class Case:
    """One fault. After its script the broker behaves correctly."""

    name: str
    script: tuple[Behaviour, ...]
    log: str = ""
    """A pattern in the daemon's log."""
    problem: str = ""
    """A code on the topic `problem` at the end."""
    refused: int = 0
    """Number of records that the broker rejects permanently: they are counted, not delivered."""


def case(name: str, *script: Behaviour, log: str = "", problem: str = "", refused: int = 0) -> Case:
    return Case(name, script, log, problem, refused)


def bad(**behaviour: object) -> Behaviour:
    return Behaviour(**behaviour)  # type: ignore[arg-type]


NOT_5 = packet(hostile.CONNACK, b"\0\1")
"""A 3.1.1 broker's CONNACK for `unacceptable protocol version`."""

CASES = [
    # Getting in
    case("never answers CONNECT", bad(connack=None), bad(connack_311=None), log="does not answer"),
    case("hangs up before CONNACK", bad(connack=b"", cut=True), bad(connack_311=b"", cut=True), log="closed the conn"),
    case("resets before CONNACK", bad(connack=b"", cut=True, reset=True), bad(connack_311=b"", cut=True, reset=True)),
    case("hangs up after CONNACK", bad(cut=True), log="was lost|dropped the connection"),
    case("resets after CONNACK", bad(cut=True, reset=True)),
    case("half a CONNACK", bad(connack=connack()[:3], cut=True), bad(connack_311=b"\x20\x02", cut=True)),
    case("CONNACK in crumbs", bad(crumbs=True, answers=[OK])),
    case("CONNACK for a session we did not ask for", bad(connack=b"\x20\x03\1\0\0")),
    case("CONNACK with a property nobody knows", bad(connack=connack(properties=b"\x7e\x00"))),
    case("PUBACK instead of CONNACK", bad(connack=packet(hostile.PUBACK, b"\0\1\0\0")), bad(connack_311=b"", cut=True)),
    case("reads one byte a second", bad(slow=True), bad(slow=True), log="does not answer"),
    *(
        case(f"CONNACK 0x{code:02x}, {words}", bad(connack=connack(code)), log=log)
        for code, words, log in [
            (0x80, "unspecified", "refused the connection"),
            (0x83, "implementation specific", "refused the connection"),
            (0x85, "client id not valid", "refused the connection"),
            (0x86, "wrong password", "refused the connection: Bad user name or password"),
            (0x87, "not authorised", "refused the connection: Not authorized"),
            (0x88, "server unavailable", "refused the connection"),
            (0x89, "server busy", "refused the connection"),
            (0x8A, "banned", "refused the connection: Banned"),
            (0x95, "packet too large", "refused the connection"),
            (0x97, "quota exceeded", "refused the connection"),
            (0x9A, "will must not be retained", ""),
            (0x9B, "will must have QoS 0", ""),
            (0x9D, "server moved", "refused the connection"),
            (0x9F, "too many connections", "refused the connection"),
            (0xEE, "a code nobody knows", ""),
        ]
    ),
    # What it allows
    case("Receive Maximum 1", bad(connack=connack(properties=hostile.receive_maximum(1)))),
    case("Receive Maximum 0, which is no number", bad(connack=connack(properties=hostile.receive_maximum(0)))),
    case("Server Keep Alive 1", bad(connack=connack(properties=hostile.server_keep_alive(1)))),
    case("no retain", bad(connack=connack(properties=hostile.NO_RETAIN)), problem="no_retain"),
    case("Maximum QoS 0", bad(connack=connack(properties=hostile.MAXIMUM_QOS_0)), problem="no_qos"),
    case("SUBSCRIBE refused", bad(granted=0x87)),
    case("SUBSCRIBE never answered", bad(granted=None)),
    # What becomes of a message
    case("cut between PUBLISH and PUBACK", bad(answers=[CUT])),
    case("reset between PUBLISH and PUBACK", bad(answers=[CUT], reset=True)),
    case("cut on the second, then on the first", bad(answers=[OK, CUT]), bad(answers=[CUT])),
    case("no PUBACK: a half-open link", bad(answers=[IGNORE] * 99), log="no acknowledgement within"),
    case("PUBACK twice", bad(answers=[TWICE, TWICE])),
    case("0x10, nobody subscribed", bad(answers=[0x10] * 3)),
    case("0x80, unspecified", bad(answers=[0x80])),
    case("0x83, implementation specific", bad(answers=[0x83, OK, 0x83])),
    case("0x97, quota exceeded", bad(answers=[0x97, 0x97])),
    case("0x91, packet id in use", bad(answers=[0x91, OK])),
    case("PUBACK with a code nobody knows", bad(answers=[0x55, OK])),
    case("0x87, not authorised", bad(answers=[0x87]), log="reason code 0x87", refused=1),
    case("0x90, topic name invalid", bad(answers=[0x90]), log="reason code 0x90", refused=1),
    case("0x99, payload format invalid", bad(answers=[0x99]), log="reason code 0x99", refused=1),
    case("PUBACK for nothing sent", bad(junk=packet(hostile.PUBACK, b"\x77\x77\0\0"))),
    case("PUBREC for what is not QoS 2", bad(junk=packet(hostile.PUBREC, b"\0\1\0\0"))),
    # What it says by itself
    *(
        case(f"DISCONNECT 0x{code:02x}, {words}", bad(junk=disconnect(code)), log=log)
        for code, words, log in [
            (0x8B, "shutting down", "was lost"),
            (0x8D, "keep alive timeout", "was lost"),
            (0x93, "receive maximum exceeded", "was lost"),
            (0x98, "administrative action", "was lost"),
            (0x9C, "use another server", "was lost"),
        ]
    ),
    case("client id taken over, three times", *[bad(junk=disconnect(0x8E))] * 3, problem="client_id_in_use"),
    case("CONNACK again", bad(junk=connack())),
    case("our own will, late", bad(say=[OFFLINE])),
    case("malformed PUBACK", bad(junk=b"\x40\x01\0")),
    case("reserved packet type", bad(junk=b"\xf0\0")),
    case("type 0", bad(junk=b"\0\0")),
    case("malformed PUBLISH", bad(junk=b"\x32\x04\xff\xff\0\0")),
    case("PUBLISH with QoS 3", bad(junk=b"\x36\x05\0\1a\0\0")),
    case("PUBLISH with a topic that is no UTF-8", bad(junk=b"\x30\x05\0\2\xff\xfe\0")),
    case("PUBLISH with a topic alias never told", bad(junk=publish("", b"{}", properties=b"\x23\0\7"))),
    case("PUBLISH we did not ask for", bad(junk=publish("somewhere/else", b"x" * 300))),
    case("length without end", bad(junk=b"\x30\xff\xff\xff\xff\xff")),
    case("10 MB at once", bad(junk=publish("edge_daemon/bench/availability", b"x" * 10_000_000))),
    case("garbage", bad(junk=bytes(range(256)) * 4)),
    case("an HTTP server", bad(connack=b"HTTP/1.1 400 Bad Request\r\n\r\n", cut=True), bad(connack_311=b"", cut=True)),
    # What somebody says through it
    case("a retained restart", bad(say=[publish("edge_daemon/bench/request/restart", b"{}", retain=True)])),
    case("a request of 10 MB", bad(say=[publish("edge_daemon/bench/request/restart", b"x" * 10_000_000)])),
    case("a request 3,000 deep", bad(say=[publish("edge_daemon/bench/request/restart", b"[" * 3000)])),
    case("a request that is no UTF-8", bad(say=[publish("edge_daemon/bench/request/restart", b"\xff\xfe")])),
    case("1,000 requests at once", bad(say=[publish("edge_daemon/bench/request/read_now", b"")] * 1000)),
    case("1,000 unknown requests", bad(say=[publish(f"edge_daemon/bench/request/c{n}", b"") for n in range(1000)])),
    case("a command called a/#", bad(say=[publish("edge_daemon/bench/request/a/#", b"{}")])),
    case("Home Assistant starts, again and again", bad(say=[publish("homeassistant/status", b"online")] * 50)),
    # MQTT 5 refused: once with 3.1.1
    case("MQTT 5 refused with 0x84", bad(connack=connack(0x84)), log=r"\(MQTT 3\.1\.1\)"),
    case("MQTT 5 refused with 0x01", bad(connack=NOT_5), log=r"\(MQTT 3\.1\.1\)"),
    case("MQTT 5 refused with 0x81", bad(connack=connack(0x81)), log=r"\(MQTT 3\.1\.1\)"),
    case("MQTT 5 and 3.1.1 refused", bad(connack=NOT_5), bad(connack_311=NOT_5), log="closed the connection"),
    case("3.1.1: not authorised", bad(connack=NOT_5), bad(connack_311=packet(2, b"\0\5")), log=": Not auth"),
    case("3.1.1: wrong password", bad(connack=NOT_5), bad(connack_311=packet(2, b"\0\4")), log=": Bad user"),
    case("3.1.1: cut between PUBLISH and PUBACK", bad(connack=NOT_5), bad(answers=[CUT])),
    case("3.1.1: no PUBACK", bad(connack=NOT_5), bad(answers=[IGNORE] * 99), log="no acknowledgement within"),
]  # fmt: skip
