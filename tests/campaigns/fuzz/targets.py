"""All targets of the campaign, by name."""

from __future__ import annotations

from tests.campaigns.fuzz import broker, configurations, frames, models, picture_files, pictures, requests, state
from tests.campaigns.fuzz.campaign import Target

TARGETS: dict[str, Target] = {
    "sizes": pictures.SWEEP,
    "pictures": pictures.DRAWN,
    "frame-sizes": frames.SWEEP,
    "frames": frames.DRAWN,
    "configurations": configurations.TARGET,
    "delivery": broker.DELIVERY,
    "broker": broker.WHOLE,
    "files": picture_files.READ,
    "watched": picture_files.WATCHED,
    "models": models.STORE,
    "updates": models.UPDATES,
    "requests": requests.TARGET,
    "state": state.TARGET,
}
"""Name -> what is drawn."""
