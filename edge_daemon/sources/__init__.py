"""Where frames come from: one module, or room, for each kind of camera.

Options of one kind come in, an iterator of frames goes out. A camera's library is imported when that camera is
opened. The daemon, calibration and the page use it.
"""

__all__ = [
    "files",
    "image_file",
    "kinds",
    "pictures",
    "reconnecting",
    "stream",
    "video",
]
