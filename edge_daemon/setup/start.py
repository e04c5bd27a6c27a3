"""Step 6, the start: the camera is calibrated, the configuration written, the daemon started."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge_daemon.check.finding import Found, Level
from edge_daemon.errors import CameraError
from edge_daemon.setup.session import Session
from edge_daemon.sources.kinds import CALIBRATABLE
from edge_daemon.tools import calibrate


def start(session: Session) -> Iterator[Found]:
    """Calibrate the camera, write the configuration, start the daemon. Raises ConfigError or SetupError."""
    session.api.close()  # the camera is the daemon's from now on
    yield from _calibrate(session)
    session.draft.publish(session.rights.write)
    yield Level.OK, f"{session.draft.target} is written"
    session.started_at = time.time()
    yield Level.OK, session.rights.launcher.start()


def _calibrate(session: Session) -> Iterator[Found]:
    """Lock exposure, gain, focus and white balance, where the camera has them and nothing else uses it."""
    camera, target = session.draft.config.camera, session.draft.target
    if camera.kind not in CALIBRATABLE or session.api.is_beside_daemon:
        return
    try:
        proposal = calibrate.propose(camera)
    except CameraError as error:
        remedy = f"Later: edge-daemon calibrate --write --config {target}"
        yield Level.WARN, f"the camera is not calibrated: {error}", remedy
        return
    if proposal.keys:
        session.draft.set("camera", proposal.keys)
    yield Level.OK, f"exposure, gain, focus and white balance are locked: {', '.join(proposal.keys) or 'they were'}"
    if proposal.advice:
        yield Level.WARN, "the picture could be better", proposal.advice
