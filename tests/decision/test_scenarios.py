"""Scenarios of one field: what is written, what is published, and when."""

from __future__ import annotations

import pytest

from edge_daemon.domain import Status
from tests.support.pictures.scenarios import Filmed, Scenario, blurred, dark, dim, film, glare, hand, nudged, play

CLOSE = [("17", 0.5), ("11", 0.45)]
MONOTONE = {"format": "####", "monotone": True, "accept_after": 20.0}
SLOW = {"max_rate": 60 / 3600, "accept_after": 20.0}
LIMITED = {"min": 10, "max": 500, "accept_after": 20.0}
COUNTER = {"format": "####", "monotone": True, "wrap": True, "accept_after": 20.0}
FLICKER = [(i / 5, ("17", "11")[i % 2]) for i in range(75)]

SCENARIOS = [
    # reading at all
    Scenario("a number stands", [(0, "42")], 9, ["1.0: ok 42"]),
    Scenario("an empty field", [(0, "")], 9, ["1.0: no_digits -"]),
    Scenario("settle is waited for", [(0, "42")], 9, ["3.0: ok 42"], {"settle": 3.0}),
    Scenario("a glimpse", [(0, "42"), (4, "43"), (4.2, "42")], 9, ["1.0: ok 42"]),
    Scenario("rewritten", [(0, "42"), (4, ""), (4.6, "43")], 9, ["1.0: ok 42", "5.6: ok 43"]),
    Scenario("erased for good", [(0, "42"), (4, "")], 9, ["1.0: ok 42", "5.0: no_digits 42"]),
    Scenario("erased and back", [(0, "42"), (4, ""), (7, "42")], 9,
             ["1.0: ok 42", "5.0: no_digits 42", "8.0: ok 42"]),
    Scenario("heartbeat", [(0, "42")], 25, ["1.0: ok 42", "11.0: ok 42", "21.0: ok 42"], {"heartbeat": 10.0}),
    Scenario("no heartbeat", [(0, "42")], 700, ["1.0: ok 42"], {"heartbeat": 0.0}),
    Scenario("deadband", [(0, "40"), (4, "42"), (8, "46")], 12, ["1.0: ok 40", "9.0: ok 46"], {"deadband": 5}),
    # writing digit by digit
    Scenario("digit by digit, quickly", [(0, "1"), (0.6, "12"), (1.2, "123")], 6, ["2.2: ok 123"]),
    Scenario("digit by digit, slowly, with a format", [(0, "1"), (3, "12"), (6, "123")], 9,
             ["1.0: wrong_format -", "7.0: ok 123"], {"format": "###"}),
    Scenario("a hand writes", [(0, Status.OBSTRUCTED), (4, "123")], 9, ["1.0: obstructed -", "5.0: ok 123"]),
    # light and sight
    Scenario("night and morning", [(0, "42"), (3, Status.TOO_DARK), (60, "42")], 63,
             ["1.0: ok 42", "4.0: too_dark 42", "61.0: ok 42"]),
    Scenario("changed by night", [(0, "42"), (3, Status.TOO_DARK), (60, "57")], 63,
             ["1.0: ok 42", "4.0: too_dark 42", "61.0: ok 57"]),
    Scenario("a flash of glare", [(0, "42"), (3, Status.GLARE), (3.4, "42")], 9, ["1.0: ok 42"]),
    Scenario("the camera is moved", [(0, "42"), (3, Status.CAMERA_MOVED)], 9, ["1.0: ok 42", "4.0: camera_moved 42"]),
    # evidence
    Scenario("two candidates by turns", FLICKER, 14.8, ["10.2: low_confidence -"]),
    Scenario("flicker after a number", [(0, "42"), *((3 + t, w) for t, w in FLICKER)], 14,
             ["1.0: ok 42", "13.2: low_confidence 42"]),
    Scenario("one frame in three stutters", [(i / 5, ("17", "17", "11")[i % 3]) for i in range(75)], 14.8,
             ["10.2: low_confidence -"]),
    Scenario("one in six does", [(i / 5, "17" if i % 6 else "11") for i in range(75)], 14.8, ["1.4: ok 17"]),
    Scenario("close candidates", [(0, CLOSE)], 9, ["1.0: low_confidence -"]),
    Scenario("a still, unsure picture", [(0, [("17", 0.75)])], 9, ["1.0: low_confidence -"], still=True),
    Scenario("unsure, in many views", [(0, [("17", 0.75)])], 9, ["1.0: ok 17"]),
    Scenario("less is needed to stay", [(0, "17"), (4, [("17", 0.65)])], 9, ["1.0: ok 17"], still=True),
    Scenario("than to change", [(0, "17"), (4, [("19", 0.65)])], 9, ["1.0: ok 17", "5.0: low_confidence 17"],
             still=True),
    # format
    Scenario("the format picks", [(0, [("208", 0.5), ("2013", 0.45)])], 9, ["1.0: ok 2013"], {"format": "####"}),
    Scenario("nothing fits", [(0, "12345")], 9, ["1.0: wrong_format -"], {"format": "##??"}),
    Scenario("decimals", [(0, "1234")], 9, ["1.0: ok 123.4"], {"format": "###.#"}),
    Scenario("a decimal comma", [(0, "0123")], 9, ["1.0: ok 01,23"], {"format": "?#,##"}),
    Scenario("a time", [(0, "1230")], 9, ["1.0: ok 12:30"], {"format": "##:##", "text": True}),
    Scenario("a regular expression", [(0, [("1721", 0.9), ("2021", 0.08)]), (5, "2021")], 9,
             ["1.0: low_confidence -", "5.4: ok 2021"], {"format": "^20[0-9]{2}$"}, still=True),
    # rules
    Scenario("a false high reading leaves by itself", [(0, "1000"), (3, "9000"), (30, "1001")], 40,
             ["1.0: ok 1000", "4.0: rate_too_high 1000", "4.0: reading_rejected 9000", "31.0: ok 1001"],
             {"max_rate": 60 / 3600, "accept_after": 600.0}),
    Scenario("a false reading that was accepted leaves too", [(0, "9000"), (3, "1000")], 30,
             ["1.0: ok 9000", "4.0: not_monotone 9000", "4.0: reading_rejected 1000",
              "24.0: ok 1000", "24.0: reading_corrected 1000"], MONOTONE),
    Scenario("meter swap", [(0, "9217"), (3, Status.OBSTRUCTED), (8, "0000")], 40,
             ["1.0: ok 9217", "4.0: obstructed 9217", "9.0: not_monotone 9217", "9.0: reading_rejected 0000",
              "29.0: ok 0000", "29.0: reading_corrected 0000"], MONOTONE),
    Scenario("what perturbed views do not say is not believed", [(0, "9000"), (3, "1000")], 60,
             ["1.0: ok 9000", "4.0: not_monotone 9000", "4.0: reading_rejected 1000"], MONOTONE,
             perturbed=lambda text: "7000"),
    Scenario("out of range", [(0, "600"), (10, "60")], 15,
             ["1.0: out_of_range -", "1.0: reading_rejected 600", "11.0: ok 60"], LIMITED),
    Scenario("out of range and true", [(0, "600")], 30,
             ["1.0: out_of_range -", "1.0: reading_rejected 600",
              "21.0: ok 600", "21.0: reading_corrected 600"], LIMITED),
    Scenario("a rate loosens", [(0, "100"), (3, "110"), (20, "100"), (640, "110")], 650,
             ["1.0: ok 100", "4.0: rate_too_high 100", "4.0: reading_rejected 110", "21.0: ok 100",
              "621.0: ok 100", "641.0: ok 110"], SLOW),
    Scenario("roll-over", [(0, "9998"), (4, "0003")], 9, ["1.0: ok 9998", "5.0: ok 0003"], COUNTER),
    Scenario("no roll-over in the middle", [(0, "5000"), (4, "0003")], 9,
             ["1.0: ok 5000", "5.0: not_monotone 5000", "5.0: reading_rejected 0003"], COUNTER),
    Scenario("blur does not reset what is held back", [(0, "9000"), (3, "1000"), (10, Status.BLURRED), (15, "1000")],
             40, ["1.0: ok 9000", "4.0: not_monotone 9000", "4.0: reading_rejected 1000", "11.0: blurred 9000",
                  "16.0: not_monotone 9000", "30.2: ok 1000", "30.2: reading_corrected 1000"], MONOTONE),
    Scenario("a meter that counts on is not refused for ever", [(0, "9000"), *((3 + 5 * i, str(1000 + i)) for i in
             range(12))], 35, ["1.0: ok 9000", *(f"{4 + 5 * i}.0: {said}" for i in range(6) for said in (
             "not_monotone 9000", f"reading_rejected {1000 + i}")), "30.0: ok 1005", "30.0: reading_corrected 1005",
             "34.0: ok 1006"], MONOTONE),
    Scenario("a long night is no agreement", [(0, "9000"), (3, "1000"), (6, Status.TOO_DARK), (100, "1000")], 110,
             ["1.0: ok 9000", "4.0: not_monotone 9000", "4.0: reading_rejected 1000", "7.0: too_dark 9000",
              "101.0: not_monotone 9000"], MONOTONE),
    Scenario("wiping does reset it", [(0, "9000"), (3, "1000"), (10, ""), (15, "1000")],
             40, ["1.0: ok 9000", "4.0: not_monotone 9000", "4.0: reading_rejected 1000", "11.0: no_digits 9000",
                  "16.0: not_monotone 9000", "16.0: reading_rejected 1000",
                  "36.0: ok 1000", "36.0: reading_corrected 1000"], MONOTONE),
    Scenario("two fields change together", [(0, {"a": "1", "b": "2"}), (4, {"a": "3", "b": "4"})], 9,
             ["1.0: a ok 1", "1.0: b ok 2", "5.0: a ok 3", "5.0: b ok 4"], fields=("a", "b")),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_readings_of_given_numbers(scenario: Scenario) -> None:
    """Exactly the rows of the table, at their times."""
    assert play(scenario) == list(scenario.said)


FILMED = [
    Filmed("a number stands", [(0, "2847", None)], 4, ["2847"]),
    Filmed("sign and decimals", [(0, "-12.5", None), (3, "-1.25", None), (6, "3.4", None)], 9,
           ["-12.5", "-1.25", "3.4"], {"format": "-?#.#?"}),
    Filmed("erased and rewritten", [(0, "2847", None), (4, "", None), (5, "2856", None)], 9, ["2847", "2856"]),
    Filmed("digit by digit", [(0, "2", None), (0.6, "28", None), (1.2, "284", None), (1.8, "2847", None)], 6,
           ["2847"]),
    Filmed("evening", [(0, "2847", None), (3, "2847", dim), (6, "2856", dim)], 10, ["2847", "2856"]),
    Filmed("nudged", [(0, "2847", None), (3, "2847", nudged), (6, "2856", nudged)], 10, ["2847", "2856"]),
    Filmed("night", [(0, "2847", None), (3, "2847", dark), (8, "2847", None)], 11, ["2847"]),
    Filmed("out of focus", [(0, "2847", None), (3, "2847", blurred), (7, "2847", None)], 10, ["2847"],
           {"format": "####"}),
    Filmed("a hand", [(0, "2847", None), (3, "2847", hand), (7, "2847", None)], 10, ["2847"]),
    Filmed("glare", [(0, "2847", None), (3, "2847", glare), (7, "2847", None)], 10, ["2847"]),
]  # fmt: skip


@pytest.mark.parametrize("scenario", FILMED, ids=lambda s: s.name)
def test_readings_of_simulated_pictures(scenario: Filmed) -> None:
    """These texts in this order, and never another one."""
    said = film(scenario)
    texts = [r.text for r in said if r.status is Status.OK]
    assert [text for i, text in enumerate(texts) if i == 0 or text != texts[i - 1]] == list(scenario.texts)
