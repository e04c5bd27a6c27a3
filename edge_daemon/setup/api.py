"""What the page of the setup can request, as plain functions. Called from several threads; takes one step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from threading import Event, Lock, Thread
from typing import Any

import msgspec

from edge_daemon.check.finding import Found
from edge_daemon.domain import Status
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.preview.field_editor import Draft
from edge_daemon.setup import aim, broker, camera, home_assistant, numbers, reading, start
from edge_daemon.setup.session import STEPS, Session

Json = dict[str, Any]
"""A JSON object."""


class CameraAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The camera that is to be used, and which way up it is; None: as it is."""

    keys: dict[str, Any]
    rotation: int | None = None
    mirror: bool | None = None


class NumbersAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """All fields."""

    fields: list[Draft]


class BrokerAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The broker and its login; password None: the stored one."""

    url: str
    username: str = ""
    password: str | None = None


class HomeAssistantAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The name of the device, and whether it is to appear in Home Assistant."""

    device: str
    is_used: bool = True


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The answer of a step that asks nothing."""


class SetupApi:
    """One session, for one page or more. Each answer is a JSON object."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = Lock()
        self._stopped = Event()
        self._readings: dict[str, reading.Received] = {}
        self._failure = ""
        self._listener: Thread | None = None

    @property
    def is_complete(self) -> bool:
        """Whether a valid reading has arrived at the broker."""
        return any(each.status == Status.OK for each in list(self._readings.values()))

    def state(self) -> Json:
        """The steps, the next one, and the answers so far."""
        config, done = self._session.draft.config, self._session.draft.done
        options = config.camera.options
        return {
            "steps": [{"name": name, "is_done": name in done or self._is_done(name)} for name in STEPS],
            "next": self._session.next_step(),
            "target": str(self._session.draft.target),
            "camera": {
                "can_turn": hasattr(options, "rotation"),
                "rotation": getattr(options, "rotation", 0),
                "mirror": options.mirror,
            },
            "url": config.mqtt.urls[0],
            "username": config.mqtt.username,
            "has_password": bool(config.mqtt.password_file),
            "device": config.device,
            "home_assistant": config.mqtt.home_assistant != "off",
        }

    def _is_done(self, step: str) -> bool:
        """Whether one of the last two steps, which are not kept in the draft, is done."""
        return self._session.started_at > 0 if step == "start" else step == "reading" and self.is_complete

    def cameras(self) -> Json:
        """The cameras that can be chosen."""
        return {
            "cameras": [
                {"name": each.name, "keys": each.keys, "is_chosen": camera.is_chosen(self._session, each.keys)}
                for each in camera.cameras(self._session)
            ]
        }

    def choose_camera(self, answer: CameraAnswer) -> Json:
        """Use a camera, and turn or mirror its pictures."""
        more: Json = {} if answer.rotation is None else {"rotation": answer.rotation or None}
        more |= {} if answer.mirror is None else {"mirror": answer.mirror or None}
        return self._take("camera", camera.choose(self._session, answer.keys | more))

    def aim(self, _: Nothing) -> Json:
        """Judge the picture."""
        return self._take("aim", aim.judge(self._session))

    def choose_numbers(self, answer: NumbersAnswer) -> Json:
        """Read these fields."""
        return self._take("numbers", numbers.choose(self._session, answer.fields))

    def brokers(self) -> Json:
        """The brokers that were found."""
        found = [each._asdict() for each in broker.brokers(self._session)]
        return {"brokers": found, "note": broker.search_note()}

    def log_in(self, answer: BrokerAnswer) -> Json:
        """Log in to a broker."""
        return self._take("broker", broker.log_in(self._session, answer.url, answer.username, answer.password))

    def choose_device(self, answer: HomeAssistantAnswer) -> Json:
        """Name the device, for Home Assistant."""
        return self._take("home assistant", home_assistant.choose(self._session, answer.device, answer.is_used))

    def start(self, _: Nothing) -> Json:
        """Write the configuration, start the daemon, and listen to its readings from now on."""
        self.close()
        answer = self._take("start", start.start(self._session))
        if self._session.started_at:
            self._stopped = Event()
            self._readings, self._failure = {}, ""
            self._listener = Thread(target=self._listen, args=(self._stopped,), daemon=True)
            self._listener.start()
        return answer

    def readings(self) -> Json:
        """The newest reading of each field since the start, and why there are no more."""
        found = [each._asdict() | {"why": each.why} for each in list(self._readings.values())]
        failure = self._failure or ("" if self._session.started_at else "Nothing is started yet: take the step Start.")
        return {"readings": found, "failure": failure, "is_complete": self.is_complete}

    def close(self) -> None:
        """Stop listening."""
        self._stopped.set()
        if self._listener is not None:
            with suppress(RuntimeError):
                self._listener.join()
            self._listener = None

    def _take(self, step: str, found: Iterator[Found]) -> Json:
        """Take a step: its findings, and the state afterwards."""
        with self._lock:
            findings = [asdict(finding) for finding in self._session.run(step, found)]
        return {"findings": findings, "state": self.state()}

    def _listen(self, stopped: Event) -> None:
        """Keep the newest reading of each field. Runs in a thread."""
        try:
            for received in reading.received(self._session, stopped.is_set):
                self._readings[received.field] = received
        except EdgeDaemonError as error:
            self._failure = str(error)
