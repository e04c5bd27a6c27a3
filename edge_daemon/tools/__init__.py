"""The work behind the commands of the command line, one module for each command.

Files, brokers or cameras come in, results as plain data go out. Only the command line and the preview page use this
room; the daemon never does.
"""

__all__ = [
    "bench",
    "board",
    "calibrate",
    "call",
    "clean",
    "compare_models",
    "evaluate",
    "explain",
    "inspect_model",
    "join_models",
    "label",
    "read",
    "replay",
    "reporting",
    "selftest",
    "training_set",
    "watch",
]
