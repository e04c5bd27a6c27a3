"""The voter publishes what many frames agree on, once, and no single misread."""

from __future__ import annotations

import pytest

from edge_daemon.decision.tracks import GONE_AFTER, LIMIT
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Number, Status
from tests.support.voting import FPS, VoterRun, number, units


def test_a_steady_number_is_published_once_after_settling() -> None:
    """Nothing during the settle time, one reading and one event after it, then nothing."""
    scene = VoterRun(units(settle=2.0))
    assert scene.show(number("2021"), seconds=1.8) == []
    (reading,) = scene.show(number("2021"), seconds=5)
    assert (reading.field, reading.text, reading.value, reading.status) == ("units", "2021", 2021, Status.OK)
    assert reading.votes[0] == reading.votes[1] >= 3
    assert [e.type for e in scene.events] == ["reading_changed"]


def test_a_single_misread_is_not_published() -> None:
    """A misread frame now and then changes nothing."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("55"), seconds=3)
    for _ in range(10):
        scene.show(number("56"))
        scene.show(number("55"), seconds=1.2)
    assert [r.text for r in scene.said] == ["55"]


def test_flicker_between_two_texts_publishes_neither() -> None:
    """A number that is read as 17 and 11 in turn is not published."""
    scene = VoterRun(units(settle=1.0))
    for _ in range(20):
        scene.show(number("17"))
        scene.show(number("11"))
    assert scene.said == []


def test_a_second_of_misreading_changes_nothing_while_the_paper_is_unchanged() -> None:
    """While the paper looks the same, a number that was read for long stays, even if frames agree on another one."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("71025"), seconds=5)
    assert scene.show(number("7102"), seconds=2, written="71025") == []
    assert [r.text for r in scene.show(number("7102"), seconds=2)] == ["7102"]


def test_a_change_is_published_with_its_event() -> None:
    """Rewriting 7 to 8 gives a second reading with the new value."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("7"), seconds=3)
    (reading,) = scene.show(number("8"), seconds=3)
    assert reading.value == 8
    assert [e.detail["text"] for e in scene.events] == ["7", "8"]


def test_an_empty_field_changes_the_status_and_keeps_the_value() -> None:
    """After the number was wiped the status is no_digits; text, value and value_at stay those of the last reading."""
    scene = VoterRun(units(settle=1.0))
    (first,) = scene.show(number("42"), seconds=3)
    (reading,) = scene.show(seconds=3)
    assert reading.status is Status.NO_DIGITS
    assert (reading.text, reading.value) == ("42", 42)
    assert reading.candidates == ()
    assert reading.captured_at > (reading.value_at or 0) >= (first.value_at or 0)


def test_low_confidence_is_a_status_not_a_number() -> None:
    """A number that all frames read the same, but with low confidence, is withheld."""
    scene = VoterRun(units(settle=1.0))
    (reading,) = scene.show(number("99", 0.4), seconds=3)
    assert (reading.status, reading.text, reading.value) == (Status.LOW_CONFIDENCE, None, None)


def test_the_format_chooses_among_candidates() -> None:
    """With '####' the best candidate of four digits is published, although one of three is more likely."""
    scene = VoterRun(units(settle=1.0, format="####"))
    both = Number((0, 0, 9, 9), (("208", 0.5), ("2013", 0.45)), ())
    (reading,) = scene.show(both, seconds=3)
    assert reading.status is Status.LOW_CONFIDENCE
    sure = Number((0, 0, 9, 9), (("2013", 0.9), ("208", 0.05)), ())
    assert [r.text for r in scene.show(sure, seconds=3)] == ["2013"]


def test_a_number_of_another_format_is_wrong_format() -> None:
    """Five digits with a format of two to four: wrong_format, with the candidates and no value."""
    scene = VoterRun(units(settle=1.0, format="##??"))
    (reading,) = scene.show(number("12345"), seconds=3)
    assert (reading.status, reading.value) == (Status.WRONG_FORMAT, None)
    assert reading.candidates[0][0] == "12345"


def test_a_field_holds_one_number() -> None:
    """Digits far apart in one field, as in a form with boxes, are one number; another line is not part of it."""
    scene = VoterRun(units(settle=1.0, text=True))
    digits = [number("4", box=(10, 10, 20, 40)), number("07", box=(200, 14, 60, 38)), number("3", box=(10, 200, 9, 20))]
    (reading,) = scene.show(*digits, seconds=3)
    assert (reading.text, reading.value) == ("407", None)


def test_an_unchanged_reading_is_published_again_as_a_heartbeat() -> None:
    """After the heartbeat time the same reading comes again, without an event."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("5"), seconds=units().heartbeat + 10)
    assert [r.text for r in scene.said] == ["5", "5"]
    assert len(scene.events) == 1


def test_whole_frame_numbers_have_stable_names() -> None:
    """Two numbers are auto-1 and auto-2; each keeps its name while it moves and the other changes."""
    scene = VoterRun()
    for step in range(40):
        upper, lower = number("2021", box=(100 + step, 50, 90, 40)), number("2019", box=(100 + step, 150, 90, 40))
        scene.show(*((upper, lower) if step % 2 else (lower, upper)))
    assert sorted((r.field, r.text) for r in scene.said) == [("auto-1", "2021"), ("auto-2", "2019")] or sorted(
        (r.field, r.text) for r in scene.said
    ) == [("auto-1", "2019"), ("auto-2", "2021")]


def test_a_number_that_leaves_is_gone_and_frees_its_name() -> None:
    """Out of view for a while: one reading marked gone; the next number takes the name."""
    scene = VoterRun()
    scene.show(number("11"), seconds=3)
    (gone,) = scene.show(seconds=GONE_AFTER + 1)
    assert (gone.field, gone.gone) == ("auto-1", True)
    (reading,) = scene.show(number("22", box=(400, 300, 60, 40)), seconds=3)
    assert (reading.field, reading.text) == ("auto-1", "22")


def test_a_number_that_comes_and_goes_is_not_published() -> None:
    """Without fields, a number in every other frame, such as the traces of a wiped one, gets no name."""
    scene = VoterRun()
    for _ in range(20):
        scene.show(number("1"))
        scene.show()
    assert scene.said == []


def test_pieces_of_a_number_are_not_published() -> None:
    """Without fields, a 3 and a 7 with room for only a 1 between them are pieces; further apart they are two."""
    scene = VoterRun()
    assert scene.show(number("3", box=(91, 47, 57, 74)), number("7", box=(167, 53, 57, 64)), seconds=5) == []
    apart = scene.show(number("3", box=(91, 47, 57, 74)), number("7", box=(267, 53, 57, 64)), seconds=5)
    assert sorted(r.text or "" for r in apart) == ["3", "7"]


def test_a_number_that_is_hidden_for_a_moment_is_the_same_afterwards() -> None:
    """Without fields, nothing is published for two seconds out of view."""
    scene = VoterRun()
    scene.show(number("11"), seconds=3)
    assert scene.show(seconds=2) == []
    assert scene.show(number("11"), seconds=5) == []
    assert [r.text for r in scene.said] == ["11"]


def test_at_most_sixteen_numbers_are_named() -> None:
    """A page with forty numbers publishes sixteen."""
    scene = VoterRun()
    scene.show(*(number(str(i), box=(30 + 60 * (i % 8), 20 + 60 * (i // 8), 30, 30)) for i in range(40)), seconds=3)
    assert {r.field for r in scene.said} == {f"auto-{n + 1}" for n in range(LIMIT)}


@pytest.mark.parametrize("text", ["007", "0"])
def test_leading_zeros_stay_in_the_text(text: str) -> None:
    """The text is as written, the value is its number."""
    scene = VoterRun(units(settle=1.0))
    (reading,) = scene.show(number(text), seconds=3)
    assert (reading.text, reading.value) == (text, int(text))


def test_a_field_that_cannot_be_read_is_published_with_its_status() -> None:
    """A field in the dark keeps its value and is too_dark; when the light is back it is ok again."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("42"), seconds=3)
    (dark,) = scene.show(seconds=3, status=Status.TOO_DARK)
    assert (dark.status, dark.value) == (Status.TOO_DARK, 42)
    (light,) = scene.show(number("42"), seconds=3)
    assert (light.status, light.value) == (Status.OK, 42)


def test_numbers_in_the_dark_have_not_left() -> None:
    """Without fields, a number that is not in view because it is dark is not gone."""
    scene = VoterRun()
    scene.show(number("11"), seconds=3)
    assert scene.show(seconds=60, status=Status.TOO_DARK) == []
    assert scene.show(number("11"), seconds=3) == []


def test_the_last_accepted_value_goes_on_after_a_restart() -> None:
    """A value below the one accepted before the restart is still not monotone; the same one is no change."""
    before = VoterRun(units(settle=1.0, monotone=True))
    (kept,) = before.show(number("500"), seconds=3)
    after = VoterRun()
    after.voter = Voter([units(settle=1.0, monotone=True)], "digits@1", "cpu", accepted=[kept])
    after.field = "units"
    (reading,) = after.show(number("400"), seconds=3)
    assert (reading.status, reading.value) == (Status.NOT_MONOTONE, 500)
    (reading,) = after.show(number("500"), seconds=3)
    assert (reading.status, reading.value) == (Status.OK, 500)
    assert [e.type for e in after.events] == ["reading_rejected"]


def test_what_was_accepted_under_another_format_is_forgotten() -> None:
    """After a restart with "##.#" in place of "###" the old 500 is not the value."""
    (kept,) = VoterRun(units(settle=1.0, format="###")).show(number("500"), seconds=3)
    after = VoterRun(units(settle=1.0, format="##.#"))
    after.voter = Voter([units(settle=1.0, format="##.#")], "digits@1", "cpu", accepted=[kept])
    (reading,) = after.show(seconds=3)
    assert (reading.status, reading.text) == (Status.NO_DIGITS, None)


def test_a_value_set_by_hand_is_an_event_and_the_rules_go_on_from_it() -> None:
    """set_value is published at once, and a false high value that was accepted before no longer counts."""
    scene = VoterRun(units(settle=1.0, monotone=True, format="###"))
    scene.show(number("900"), seconds=3)
    scene.voter.set_value("units", "400", 1e9, scene.seq / FPS)
    readings = scene.show(number("401"), seconds=3)
    assert [(r.status, r.text) for r in readings][-1] == (Status.OK, "401")
    assert [e.type for e in scene.events] == ["reading_changed", "value_set", "reading_changed"]
    with pytest.raises(ValueError, match="does not fit"):
        scene.voter.set_value("units", "40", 1e9, 0.0)


def test_a_person_overrules_a_repeated_misread() -> None:
    """After set_value the text that frames still read is low_confidence, until something else is read."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("900"), seconds=3)
    scene.voter.set_value("units", "400", 1e9, scene.seq / FPS)
    readings = scene.show(number("900"), seconds=3)
    assert {(r.status, r.value) for r in readings} == {(Status.LOW_CONFIDENCE, 400)}
    assert [(r.status, r.value) for r in scene.show(number("401"), seconds=3)] == [(Status.OK, 401)]


def test_an_overruled_text_is_not_accepted_after_a_restart() -> None:
    """The same misread after a restart is low_confidence, until something else is read."""
    before = VoterRun(units(settle=1.0))
    before.show(number("900"), seconds=3)
    before.voter.set_value("units", "400", 1e9, before.seq / FPS)
    kept = before.show(number("900"), seconds=3)[-1]
    after = VoterRun(units(settle=1.0))
    after.voter = Voter([units(settle=1.0)], "digits@1", "cpu", accepted=[kept])
    readings = after.show(number("900"), seconds=3)
    assert {(r.status, r.value) for r in readings} == {(Status.LOW_CONFIDENCE, 400)}
    after.show(number("401"), seconds=3)
    assert [(r.status, r.value) for r in after.show(number("900"), seconds=3)] == [(Status.OK, 900)]


def test_looking_again_decides_and_publishes_again() -> None:
    """A published text is published once more when new frames agree on it; until then it is undecided."""
    scene = VoterRun(units(settle=1.0))
    scene.show(number("7"), seconds=30)
    scene.voter.forget_evidence()
    assert scene.voter.undecided == {"units"}
    assert scene.show(number("7"), seconds=0.4) == []
    (present,) = scene.voter.current()
    assert (present.status, present.value) == (Status.LOW_CONFIDENCE, 7)
    (again,) = scene.show(number("7"), seconds=3)
    assert (again.status, again.value, len(scene.events)) == (Status.OK, 7, 1)


def test_a_field_is_undecided_until_its_frames_agree() -> None:
    """At first, and after each change until it has settled; a number out of view until it is gone."""
    scene = VoterRun(units(settle=1.0))
    assert scene.voter.undecided == {"units"}
    scene.show(number("7"), seconds=3)
    assert scene.voter.undecided == set()
    scene.show(number("8"), seconds=0.4)
    assert scene.voter.undecided == {"units"}
    followed = VoterRun()
    followed.show(number("7"), seconds=3)
    assert followed.voter.undecided == set()
    followed.show(seconds=1)
    assert followed.voter.undecided == {"auto-1"}
    followed.show(seconds=5)
    assert followed.voter.undecided == set()
