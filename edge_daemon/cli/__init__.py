"""The command line: one module for each family of commands.

Arguments come in, text or JSON and an exit code go out. It may use every room, and no room uses it. Nothing else in the
program prints.
"""

__all__ = [
    "main",
]
