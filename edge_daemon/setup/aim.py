"""Step 2, the aim: focus, light, glare and tilt of the picture, in words."""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon.check.finding import Found, Level
from edge_daemon.preview.camera_meters import Remark
from edge_daemon.setup.session import Session


def judge(session: Session) -> Iterator[Found]:
    """The measurements of the next picture; a warning for each that could be better. Raises CameraError."""
    for name, remark in session.api.look(None)["remarks"].items():
        yield as_finding(name, Remark(**remark))


def as_finding(name: str, remark: Remark) -> Found:
    """One measurement as a finding."""
    what = f"{name}: {remark.text}"
    return (Level.WARN, what, remark.remedy) if remark.remedy else (Level.OK, what)
