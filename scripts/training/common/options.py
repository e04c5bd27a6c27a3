"""What every training on the command line is told."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(prog: str, about: str | None, version: str, kept: str, data: bool = True) -> argparse.ArgumentParser:
    """Knows --data (which must be given, or need not), --out, --work, --version and --seed; `kept` says what the work
    folder holds."""
    made = argparse.ArgumentParser(prog=prog, description=about)
    add = made.add_argument
    add("--data", type=Path, required=data, help="folder of the training sets (models/README.md names them)")
    add("--out", type=Path, default=Path("models"), help="where the model goes (default: models/)")
    add("--work", type=Path, default=Path(".training"), help=f"{kept} (default: .training/)")
    add("--version", default=version, help="version of the model")
    add("--seed", type=int, default=1)
    return made
