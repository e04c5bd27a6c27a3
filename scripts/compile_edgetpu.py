"""Compiles a model for the Edge TPU: run by scripts/compile-edgetpu."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from edge_daemon.inference.edgetpu import EDGETPU
from edge_daemon.inference.manifest import bundled
from scripts.training.common.manifest import file_facts

COMPILER = "edgetpu_compiler"


def compiled(file: Path, folder: Path) -> Path:
    """Compiles an int8 .tflite file with the vendor's compiler. Ends the program if that fails."""
    done = subprocess.run([COMPILER, "-s", "-o", str(folder), str(file)], check=False)
    made = folder / f"{file.stem}_edgetpu.tflite"
    if done.returncode or not made.is_file():
        sys.exit(f"{COMPILER} made nothing of {file}; its lines above say why")
    return made


def model(folder: Path) -> None:
    """Writes the bundled model with the compiled file as a version of its own."""
    source = bundled("digits")
    manifest = json.loads(source.read_text())
    for file in manifest["files"].values():
        shutil.copy(source.with_name(file["name"]), folder)
    made = compiled(folder / manifest["files"]["int8"]["name"], folder)
    manifest["version"] += "+edgetpu"
    manifest["files"][EDGETPU] = file_facts(made.name, made.read_bytes())
    (folder / f"{manifest['name']}-{manifest['version']}.json").write_text(json.dumps(manifest, indent=1) + "\n")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"{folder} is not empty; name a new folder")
    if len(sys.argv) == 2:
        model(folder)
        print(f"edge-daemon model activate {folder}")
        return
    file = Path(sys.argv[2])
    shutil.copy(file, folder)
    compiled(folder / file.name, folder)
    print(f'[model] path = "{(folder / file.name).resolve()}"')


if __name__ == "__main__":
    main()
