"""The page on which a person aims the camera, draws fields and labels samples: `edge-daemon preview`.

Frames come in, from the running daemon or from the camera; a changed configuration file and labels go out. It runs in
a process of its own. The command line and `edge-daemon setup` use it; the daemon never does.
"""

__all__ = [
    "api",
    "auth",
    "camera_meters",
    "draft_view",
    "field_editor",
    "server",
    "tls",
]
