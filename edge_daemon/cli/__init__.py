"""The command line: one module for each family of commands.

Arguments come in, text for a person (or JSON for a program) and an exit code go out. It is the top of the house: it
may use every room, and no room uses it. Nothing else in the program prints.
"""

__all__ = [
    "main",
]
