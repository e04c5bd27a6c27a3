"""The page of the setup: its files, and the requests that it adds to those of the preview page."""

from __future__ import annotations

from edge_daemon.preview.server import Extension, body
from edge_daemon.setup.api import (
    BrokerAnswer,
    CameraAnswer,
    HomeAssistantAnswer,
    Nothing,
    NumbersAnswer,
    SetupApi,
)


def extension(api: SetupApi) -> Extension:
    """What the setup adds to the preview's server. The preview page itself, to draw fields by hand, is at /aim."""
    return Extension(
        package="edge_daemon.setup.page",
        pages={"": "setup.html"},
        files={"setup.css": "text/css", "setup.js": "text/javascript"},
        answers={
            "GET setup": api.state,
            "GET setup/cameras": api.cameras,
            "POST setup/camera": lambda: api.choose_camera(body(CameraAnswer)),
            "POST setup/aim": lambda: api.aim(body(Nothing)),
            "POST setup/numbers": lambda: api.choose_numbers(body(NumbersAnswer)),
            "GET setup/brokers": api.brokers,
            "POST setup/broker": lambda: api.log_in(body(BrokerAnswer)),
            "POST setup/home-assistant": lambda: api.choose_device(body(HomeAssistantAnswer)),
            "POST setup/start": lambda: api.start(body(Nothing)),
            "GET setup/readings": api.readings,
        },
    )
