"""Locked requirements: exact versions with the hashes of their files, in scripts/install/requirements/.

python -m scripts.bundling.requirements PYTHON MACHINE FILE...    what that Python and processor need, no markers
python -m scripts.bundling.requirements --beyond BASE FILE        what FILE has and BASE has not
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pip._vendor.packaging.requirements import Requirement


class Locked(NamedTuple):
    """One library."""

    requirement: Requirement
    """Its name, version and marker."""
    text: str
    """The lines of the file: `name==version ; marker`, and its hashes."""


def read(text: str) -> list[Locked]:
    """The libraries in the text of a file that `uv pip compile --generate-hashes` wrote."""
    blocks = [block for block in re.split(r"\n(?=\S)", text.strip()) if not block.startswith("#")]
    return [Locked(Requirement(block.split("\\")[0].strip()), block) for block in blocks]


def fits(library: Locked, python: str, machine: str) -> bool:
    """Whether a Linux machine needs it: `python` is a version such as 3.11, `machine` is aarch64 or x86_64."""
    there = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    marker = library.requirement.marker
    return marker is None or marker.evaluate(there)


def without_marker(library: Locked) -> str:
    """Its lines for a machine that it fits: pip would judge the marker by the machine on which it runs."""
    first, _, rest = library.text.partition("\\")
    return f"{first.split(';')[0].rstrip()} \\{rest}"


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "--beyond":
        base, more = (read(Path(path).read_text()) for path in arguments[1:])
        there = {library.text for library in base}
        lines = [library.text for library in more if library.text not in there]
    else:
        python, machine, *paths = arguments
        found = [library for path in paths for library in read(Path(path).read_text())]
        lines = [without_marker(library) for library in found if fits(library, python, machine)]
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
