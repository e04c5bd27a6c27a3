"""Reads the weights of a .tflite file in the form that Keras takes, to continue training from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.digits import net

Weights = list[NDArray[np.float32]]

LAYERS = {"CONV_2D": (1, 2, 3, 0), "FULLY_CONNECTED": (1, 0)}
"""Operators with weights, and the order of their axes in Keras."""


def read_weights(content: bytes) -> Weights:
    """Kernels and biases of a float32 .tflite file of net.build, as a folded network takes them.

    Raises ValueError if it is a network of another shape.
    """
    found = [array for kernel, bias in layers(content) for array in (kernel, bias)]
    wanted = [tuple(weight.shape) for weight in net.folded().get_weights()]
    if [weight.shape for weight in found] != wanted:
        raise ValueError(f"the network has weights of {[w.shape for w in found]}; {wanted} can be trained on")
    return found


def layers(content: bytes) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernel and bias of each layer of a .tflite file, float32 or int8, in Keras' order of axes."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,  # they would hide the operators
    )
    interpreter.allocate_tensors()
    scales = {
        tensor["index"]: tensor["quantization_parameters"]["scales"] for tensor in interpreter.get_tensor_details()
    }
    found = []
    for op in interpreter._get_ops_details():  # there is no public way to the order of the ops
        if (axes := LAYERS.get(op["op_name"])) is not None:
            kernel, bias = (dequantise(interpreter.get_tensor(int(i)), scales[int(i)]) for i in op["inputs"][1:])
            found.append((np.transpose(kernel, axes), bias))
    return found


def dequantise(values: NDArray[np.generic], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quantised weights as float32: one scale for each output channel (their first axis), no zero point."""
    if len(scales) == 0:
        return np.asarray(values, np.float32)
    return np.asarray(values, np.float32) * scales.reshape(-1, *[1] * (values.ndim - 1))
