"""The questions of `edge-daemon setup` in the terminal, one function for each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import click

from edge_daemon.check.finding import Found
from edge_daemon.cli.shared import say, say_findings
from edge_daemon.preview.field_editor import Draft
from edge_daemon.setup import aim, broker, camera, home_assistant, numbers, reading, start
from edge_daemon.setup.session import STEPS, Session
from edge_daemon.tools.label import draw

T = TypeVar("T")


class Back(Exception):
    """The person wants the step before this one."""


def converse(session: Session) -> None:
    """Take all steps from the first that is not done. It ends when all are done, or by Ctrl-C."""
    say("Enter takes the answer in [brackets]; `back` returns to the step before; Ctrl-C leaves, nothing is lost.")
    place = STEPS.index(session.next_step())
    if place:
        say(f"The steps before are done: {', '.join(STEPS[:place])}.")
    while place < len(STEPS):
        say(click.style(f"\n{place + 1} of {len(STEPS)}: {STEPS[place]}", bold=True))
        try:
            if QUESTIONS[STEPS[place]](session):
                place += 1
            else:
                ask("Enter tries it again")
        except Back:
            place = max(0, place - 1)


def ask(question: str, default: str = "", hide: bool = False) -> str:
    """The answer to a question, without blanks around it. Raises Back."""
    answer: str = click.prompt(question, default=default, show_default=bool(default), hide_input=hide).strip()
    if answer == "back":
        raise Back
    return answer


def choose(question: str, choices: Sequence[tuple[str, T]]) -> T:
    """One of several: listed by number, the first is the default. One alone is not asked for."""
    if len(choices) == 1:
        return choices[0][1]
    for i, (name, _) in enumerate(choices, 1):
        say(f"  {i}  {name}")
    while True:
        answer = ask(question, "1")
        if answer.isdecimal() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1][1]


def take(session: Session, step: str, found: Iterable[Found]) -> bool:
    """Take a step and print its findings. Whether none of them is a failure."""
    return say_findings(session.run(step, found))


def _camera(session: Session) -> bool:
    found = [(each.name, each.keys) for each in camera.cameras(session)]
    return take(session, "camera", camera.choose(session, choose("Which camera", found)))


def _aim(session: Session) -> bool:
    while True:
        say(draw(session.api.picture()))
        well = take(session, "aim", aim.judge(session))
        answer = ask("Enter goes on; a: look again, r: turn the picture by 90 degrees, m: mirror it")
        if not answer:
            return well
        options = session.draft.config.camera.options
        if answer == "r":
            turned = (getattr(options, "rotation", 0) + 90) % 360
            take(session, "camera", camera.choose(session, {"rotation": turned or None}))
        elif answer == "m":
            take(session, "camera", camera.choose(session, {"mirror": not options.mirror or None}))


def _numbers(session: Session) -> bool:
    there = session.draft.config.fields
    if there:
        say(f"Fields so far: {', '.join(field.name for field in there)}")
        if ask("Enter keeps them; n: choose again") != "n":
            return take(session, "numbers", numbers.choose(session, kept_fields(session)))
    found = numbers.found(session)
    for i, number in enumerate(found, 1):
        say(f"  {i}  {number.text:>10}   {number.confidence:.0%} sure")
    if not found:
        say("No number is found yet: aim and light the camera, or draw fields with `edge-daemon preview`.")
    chosen = _which(len(found)) if found else []
    return take(session, "numbers", numbers.choose(session, [_field(found[i], i + 1) for i in chosen]))


def kept_fields(session: Session) -> list[Draft]:
    """The fields of the draft, as they are."""
    return list(session.api.fields()["fields"])


def _which(count: int) -> list[int]:
    """The places of the numbers that matter."""
    while True:
        answer = ask("Which of them matter, such as 1,3", "all")
        words = answer.replace(",", " ").split()
        if answer == "all":
            return list(range(count))
        if words and all(word.isdecimal() and 1 <= int(word) <= count for word in words):
            return [int(word) - 1 for word in words]


def _field(number: numbers.FoundNumber, i: int) -> Draft:
    """The name of a number, and its unit and format if they are given."""
    words = ask(f"{number.text}: its name, its unit, its format ({number.format}; # is a digit)", f"number-{i}").split()
    return numbers.field(number, *words[:3])


def _broker(session: Session) -> bool:
    known = broker.brokers(session)
    for i, each in enumerate(known, 1):
        say(f"  {i}  {each.name}")
    if note := broker.search_note():
        say(note)
    answer = ask("Which broker, or the URL of another one (mqtt://HOST, or mqtts://HOST for TLS)", "1")
    url = known[int(answer) - 1].url if answer in map(str, range(1, len(known) + 1)) else answer
    mqtt = session.draft.config.mqtt
    if take(session, "broker", broker.log_in(session, url, mqtt.username)):
        return True
    username = ask("If it needs a login: the name; Enter: none")
    if not username:
        return False
    return take(session, "broker", broker.log_in(session, url, username, ask("The password", hide=True)))


def _home_assistant(session: Session) -> bool:
    device = ask("The name of this device", session.draft.config.device)
    return take(session, "home assistant", home_assistant.choose(session, device))


def _start(session: Session) -> bool:
    ask(f"Enter writes {session.draft.target} and starts the daemon")
    return take(session, "start", start.start(session))


def _reading(session: Session) -> bool:
    return take(session, "reading", reading.first(session))


QUESTIONS: Mapping[str, Callable[[Session], bool]] = {
    "camera": _camera,
    "aim": _aim,
    "numbers": _numbers,
    "broker": _broker,
    "home assistant": _home_assistant,
    "start": _start,
    "reading": _reading,
}
"""Step -> its questions; whether it went well."""
