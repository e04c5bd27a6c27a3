"""The tree of errors in the docstring of errors.py is the tree of the classes."""

from __future__ import annotations

import re

from edge_daemon import errors


def test_the_drawing_shows_every_error() -> None:
    """Each class is in the drawing once, below its parent; a builtin beside it is one that it inherits."""
    rows = re.findall(r"^ {4}([|` -]*)(\w+Error)(?: +(\w+))?", errors.__doc__ or "", re.M)
    path: list[str] = []
    for branch, name, builtin in rows:
        path[len(branch) // 4 :] = [name]
        error = getattr(errors, name)
        assert error.__bases__[0].__name__ == (path[-2] if len(path) > 1 else "Exception")
        assert not builtin or builtin in {base.__name__ for base in error.__mro__}
    assert sorted(name for _, name, _ in rows) == sorted(name for name in vars(errors) if name.endswith("Error"))
