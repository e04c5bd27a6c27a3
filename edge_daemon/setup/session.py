"""What all steps of one setup share: the draft, the picture, and the rights to change the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_daemon.check.finding import Finding, Found, Level
from edge_daemon.config import schema
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.preview.api import PreviewApi
from edge_daemon.setup.credential import Credential
from edge_daemon.setup.draft import ConfigDraft
from edge_daemon.setup.launcher import Launcher
from edge_daemon.system.privileges import Write

STEPS = ("camera", "aim", "numbers", "broker", "home assistant", "start", "reading")
"""The steps, in order."""
PREPARING = STEPS[:5]
"""Steps whose answers are in the draft. The last two are taken again when a setup is taken up."""
FOLDER = "setup"
"""The folder of the draft, in the state folder."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a setup may change outside of its own folder."""

    write: Write
    """Replaces the configuration."""
    password: Credential
    """Where the password of the broker is stored."""
    launcher: Launcher
    """Starts the daemon."""


class Session:
    """One setup of one configuration. Its steps may be taken in any order, and again."""

    def __init__(self, target: Path, state: Path, runtimes: Sequence[Path], rights: Rights) -> None:
        """`state` is the state folder, `runtimes` the runtime folders of daemons here.

        Raises ConfigError, ModelError or OSError.
        """
        self.draft = ConfigDraft(target, state / FOLDER)
        self.rights = rights
        self.started_at = 0.0
        """When this setup started the daemon, in seconds since 1970."""
        self.api = PreviewApi(self.draft.path, state, runtimes)
        self.open_picture()

    def open_picture(self) -> None:
        """Show what the camera of the draft sees: through a daemon here, if it has that camera too."""
        target = self.draft.target
        of_daemon = schema.load(target).camera if target.exists() else None
        self.api.open_again(beside_daemon=self.draft.config.camera == of_daemon)

    def run(self, step: str, found: Iterable[Found]) -> Iterator[Finding]:
        """The findings of a step, as they are made. The step is done if none of them is a failure."""
        failed = False
        try:
            for each in found:
                failed = failed or each[0] is Level.FAIL
                yield Finding(step, *each)
        except EdgeDaemonError as error:
            yield Finding(step, Level.FAIL, str(error), "Correct that, and take this step again.")
            return
        if not failed and step in PREPARING:
            self.draft.mark_done(step)

    def next_step(self) -> str:
        """The first step that is not done yet."""
        return next(step for step in STEPS if step not in self.draft.done)

    def close(self) -> None:
        """Release the camera, and end a daemon that only this setup has started."""
        self.api.close()
        self.rights.launcher.close()
