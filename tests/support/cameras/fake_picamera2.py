"""A fake picamera2: it rejects what the real one rejects, and stalls when a test wants it.

Installed as the module `picamera2`; it knows only what sources/picamera.py may rely on. That the real one behaves
this way was seen with picamera2 0.3.38 on libcamera's virtual camera.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np


class Job:
    """A requested capture."""


class Metadata(Job):
    """Whether the metadata of a frame were requested."""


class Picamera2:
    cameras: ClassVar[int] = 1
    taken: ClassVar[bool] = False
    frames: ClassVar[list[bool]] = []
    """For each capture from now on: whether a frame comes. After the last one: none comes."""
    opened: ClassVar[int] = 0
    open_now: ClassVar[int] = 0
    stride: ClassVar[int] = 64
    picture: ClassVar[str] = "alive"
    """Frames: alive (no two are the same), frozen, or black."""

    moves: ClassVar[bool] = True
    """Whether the lens can focus."""
    controls: ClassVar[dict[str, Any]] = {}
    """The controls that were set last."""

    @classmethod
    def reset(cls, frames: list[bool], cameras: int = 1, taken: bool = False) -> None:
        cls.frames, cls.cameras, cls.taken, cls.opened, cls.open_now = frames, cameras, taken, 0, 0
        cls.picture, cls.moves = "alive", True

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return [{"Num": n, "Model": "imx708", "Id": f"/base/soc/i2c0mux/i2c@{n}/imx708@1a"} for n in range(cls.cameras)]

    def __init__(self, camera_num: int = 0) -> None:
        if camera_num >= self.cameras:
            raise IndexError("list index out of range")
        if self.taken or type(self).open_now:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        type(self).opened += 1
        type(self).open_now += 1
        self._configuration: dict[str, Any] | None = None
        self._started = False

    def create_video_configuration(self, **streams: Any) -> dict[str, Any]:
        if streams["lores"]["size"] > streams["main"]["size"]:
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        return dict(streams)

    @property
    def camera_controls(self) -> dict[str, Any]:
        known = ["FrameDurationLimits", "ExposureTime", "AnalogueGain", "ColourGains"]
        return dict.fromkeys([*known, "AfMode", "LensPosition"] if self.moves else known)

    def configure(self, configuration: dict[str, Any]) -> None:
        for name in configuration["controls"]:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        type(self).controls = configuration["controls"]
        width, height = configuration["lores"]["size"]
        configuration["lores"] |= {"size": (width - width % 2, height - height % 2)}
        self._configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        assert self._configuration is not None
        return self._configuration

    def start(self) -> None:
        if self._configuration is None:
            raise RuntimeError("Camera must be configured before start")
        self._started = True

    def capture_array(self, name: str, wait: bool | float = True) -> Job:
        if not self._started or name != "lores" or wait is not False:
            raise RuntimeError("a capture that would wait for ever, or of a camera that does not run")
        return Job()

    def capture_metadata(self, wait: bool | None = None) -> Job:
        if not self._started or wait is not False:
            raise RuntimeError("metadata that would be waited for for ever, or of a camera that does not run")
        return Metadata()

    def wait(self, job: Job, timeout: float | None = None) -> Any:
        assert timeout is not None
        if isinstance(job, Metadata):
            found = {"ExposureTime": 19_987, "AnalogueGain": 2.1234, "ColourGains": (1.8009, 1.5), "Lux": 400.0}
            return found | ({"LensPosition": 4.0321} if self.moves else {})
        if not self.frames or not self.frames.pop(0):
            raise TimeoutError
        width, height = self.camera_configuration()["lores"]["size"]
        padded = -(-width // self.stride) * self.stride
        array = np.full((height * 3 // 2, padded), 128, np.uint8)
        array[:height, :width] = np.arange(width, dtype=np.uint8)
        if self.picture == "alive":
            array[:height, :width] += np.uint8(len(self.frames) % 200)
        if self.picture == "black":
            array[:height, :width] = 16
        array[:height, width:] = 255  # what is in the padding is not part of the picture
        return array

    def cancel_all_and_flush(self) -> None:
        pass

    def stop(self) -> None:
        self._started = False

    def close(self) -> None:
        type(self).open_now -= 1
