"""The command-line options that all trainings have."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(prog: str, about: str | None, version: str, kept: str, data: bool = True) -> argparse.ArgumentParser:
    """A parser with --data (required if `data`), --out, --work, --version and --seed.

    `version` is the default version ("" where the caller chooses one), `kept` names what the work folder holds.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    add = parser.add_argument
    add("--data", type=Path, required=data, metavar="DIR", help="the training sets (models/README.md names them)")
    add("--out", type=Path, default=Path("models"), metavar="DIR", help="where to write the model (default: models/)")
    add("--work", type=Path, default=Path(".training"), metavar="DIR", help=f"keeps {kept} (default: .training/)")
    add("--version", default=version, help="version of the model" + (f" (default: {version})" if version else ""))
    add("--seed", type=int, default=1, metavar="N", help="of all random choices (default: 1)")
    return parser
