"""Makes the network with which `edge-daemon bench` compares all others: one operator, the brightest pixel.

python -m scripts.training.common.floor (in .venv-train) writes models/floor.tflite and says which size and hash
edge_daemon/tools/bench.py must name.
"""

from __future__ import annotations

import hashlib

from edge_daemon.inference.manifest import models_folder
from edge_daemon.tools.bench import FLOOR, FLOOR_PICTURE


def network() -> bytes:
    """A .tflite file with the one op REDUCE_MAX: float32 (1, *FLOOR_PICTURE) -> (1, 1)."""
    import tensorflow as tf

    picture = tf.TensorSpec((1, *FLOOR_PICTURE), tf.float32)
    brightest = tf.function(lambda shown: tf.reduce_max(shown, axis=(1, 2)), input_signature=[picture])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([brightest.get_concrete_function()], tf.Module())
    return bytes(converter.convert())


if __name__ == "__main__":
    content = network()
    path = models_folder() / FLOOR.name
    path.write_bytes(content)
    print(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
