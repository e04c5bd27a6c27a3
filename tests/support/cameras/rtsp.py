"""A network camera with RTSP: GStreamer's own server, in a process of the system's Python, sends H.264.

Needs apt's python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and gstreamer1.0-plugins-ugly.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge_daemon.domain import Grey
from tests.support.brokers.mosquitto import free_port

PYTHON = "/usr/bin/python3"
_SERVER = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
picture, port, user, password = sys.argv[1:]
Gst.init(None)
server, factory = GstRtspServer.RTSPServer(service=port), GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch(
    f"( filesrc location={picture} ! pngdec ! imagefreeze is-live=true ! videoconvert"
    " ! video/x-raw,format=I420,framerate=10/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
if user:
    token, role = GstRtspServer.RTSPToken(), Gst.Structure.new_empty("looker")
    token.set_string("media.factory.role", "looker")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    for permission in ("media.factory.access", "media.factory.construct"):
        role.set_value(permission, True)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role_from_structure(role)
    factory.set_permissions(permissions)
    server.set_auth(auth)
server.get_mount_points().add_factory("/stream", factory)
server.set_address("127.0.0.1")
assert server.attach(None)
print("on", flush=True)
GLib.MainLoop().run()
"""


def missing() -> str:
    """What is missing on this machine for such a camera; empty: nothing."""
    needs = "gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')"
    needs += "; from gi.repository import Gst, GstRtspServer; Gst.init(None)"
    needs += "; assert all(map(Gst.ElementFactory.find, ['x264enc', 'rtph264pay', 'imagefreeze']))"
    done = subprocess.run([PYTHON, "-c", f"import gi; {needs}"], capture_output=True)
    return "GStreamer's RTSP server is not installed" if done.returncode else ""


class RtspCamera:
    """Sends the same picture ten times a second, with an optional login."""

    def __init__(self, folder: Path, pixels: Grey, user: str = "", password: str = "") -> None:
        self._picture = folder / "camera.png"
        cv2.imwrite(str(self._picture), pixels)
        self._port, self._login = free_port(), (user, password)
        self.url = f"rtsp://127.0.0.1:{self._port}/stream"

    @contextmanager
    def on(self) -> Iterator[None]:
        """The camera is switched on inside this context."""
        command = [PYTHON, "-c", _SERVER, str(self._picture), str(self._port), *self._login]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == "on\n"
                yield
            finally:
                server.kill()
