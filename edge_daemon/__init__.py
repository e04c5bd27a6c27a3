"""Point a camera at written numbers; get the numbers on MQTT."""

import os

__version__ = "0.2.0"

# OpenCV reads this when it is imported. Its own limit is 1,073,741,824 pixels: a few hundred bytes can decode to that.
# The largest camera for a Pi has 64 million pixels.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")
