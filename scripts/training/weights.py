"""The weights of a shipped digit network, to go on training from: a .tflite file -> what Keras takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training import net

Weights = list[NDArray[np.float32]]

LAYERS = {"CONV_2D": (1, 2, 3, 0), "FULLY_CONNECTED": (1, 0)}
"""Ops that have weights, and how Keras orders their axes."""


def of(content: bytes) -> Weights:
    """Kernels and biases of a float32 .tflite file of net.build, as a folded network takes them.

    Raises ValueError where it is another network.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,  # they would hide the ops
    )
    interpreter.allocate_tensors()
    found: Weights = []
    for op in interpreter._get_ops_details():  # there is no public way to the order of the ops
        if (axes := LAYERS.get(op["op_name"])) is not None:
            kernel, bias = (interpreter.get_tensor(int(index)) for index in op["inputs"][1:])
            found += [np.transpose(kernel, axes), bias]
    wanted = [tuple(weight.shape) for weight in net.folded().get_weights()]
    if [weight.shape for weight in found] != wanted:
        raise ValueError(f"the network has weights of {[w.shape for w in found]}; {wanted} can be trained on")
    return found
