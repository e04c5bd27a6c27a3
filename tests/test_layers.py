"""Who may import whom: downward only, adapters never each other, hardware only behind its door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import edge_daemon

PACKAGE = Path(edge_daemon.__file__).parent

RANKS = {
    "errors": 0,
    "domain": 1,
    "units": 1,
    "clock": 1,
    "backoff": 1,
    "networks": 2,
    "durable": 1,
    "apart": 2,
    "coral_probe": 3,
    "coral": 4,
    "blends": 6,
    "trial": 7,
    "store_files": 7,
    "store": 8,
    "download": 2,
    "repository": 4,
    "updates": 9,
    "publish": 9,
    "joined": 6,
    "updating": 10,
    "evaluate": 8,
    "model_check": 8,
    "probation": 2,
    "selection": 9,
    "choice": 8,
    "stopwatch": 2,
    "ink": 2,
    "sieve": 3,
    "strips": 3,
    "cuts": 3,
    "segment": 4,
    "read": 4,
    "jointly": 4,
    "regions": 2,
    "gate": 2,
    "drift": 2,
    "quality": 2,
    "lookout": 3,
    "fields": 4,
    "company": 2,
    "reader": 6,
    "marks": 3,
    "formats": 4,
    "rules": 2,
    "evidence": 3,
    "opinions": 5,
    "perturbed": 6,
    "ballot": 5,
    "tracks": 6,
    "vote": 7,
    "rows": 2,
    "wire": 2,
    "outbox_file": 3,
    "outbox_cap": 4,
    "lock": 4,
    "past": 4,
    "outbox": 5,
    "access": 2,
    "discovery": 3,
    "clean": 4,
    "requests": 2,
    "transactions": 2,
    "commands": 6,
    "inspector": 8,
    "controls": 9,
    "call": 4,
    "machine": 2,
    "allowance": 2,
    "consultation": 3,
    "asking": 8,
    "ensemble": 10,
    "opinion_server": 11,
    "schemas": 2,
    "link": 3,
    "systemd": 2,
    "annotate": 2,
    "journal": 1,
    "logs": 2,
    "tables": 2,
    "sources": 4,
    "classifiers": 5,
    "sinks": 4,
    "watch": 5,
    "courier": 7,
    "board": 2,
    "lanes": 6,
    "camera": 7,
    "health": 2,
    "lastgood": 7,
    "kept": 9,
    "report": 8,
    "answers": 7,
    "samples": 2,
    "doubts": 7,
    "labelling": 3,
    "lessons": 9,
    "gains": 9,
    "window": 2,
    "ring": 8,
    "explain": 9,
    "selftest": 7,
    "bench": 7,
    "config_text": 5,
    "config_values": 5,
    "config": 6,
    "check": 10,
    "edit": 1,
    "calibrate": 7,
    "check_mqtt": 5,
    "introduction": 10,
    "app": 11,
    "replay": 12,
    "preview": 13,
    "cli": 14,
    "__main__": 15,
}
HARDWARE = {"picamera2", "libcamera", "tflite_runtime", "ai_edge_litert"}


def imports(path: Path) -> set[tuple[str, bool]]:
    """(module, whether at the top of the file) of all imports in a source file."""
    found = set()
    for node in ast.walk(tree := ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = node.module == "edge_daemon"
            names = [f"edge_daemon.{a.name}" for a in node.names] if whole else [node.module]
        found |= {(name, node in tree.body) for name in names}
    return found


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.name != "__init__.py"]


def test_imports_point_downward() -> None:
    """A module imports only what ranks below it, or its own package."""
    wrong = []
    for path in modules():
        for name, _ in imports(path):
            target = name.split(".")[1] if name.startswith("edge_daemon.") else None
            same = target == part(path)
            if target and target != "__version__" and not same and RANKS[target] >= RANKS[part(path)]:
                wrong.append(f"{path.name} imports {name}")
    assert wrong == []


def test_kinds_of_camera_do_not_know_each_other() -> None:
    """No camera imports another: each can be read, and removed, alone."""
    kinds = {"picamera", "v4l2", "stream", "files", "simulated"}
    for kind in kinds:
        known = {name.rsplit(".", 1)[-1] for name, _ in imports(PACKAGE / "sources" / f"{kind}.py")}
        assert not known & (kinds - {kind})


def test_hardware_libraries_stay_behind_their_door() -> None:
    """No module imports a hardware library when it is itself imported."""
    for path in modules():
        assert not {name.split(".")[0] for name, top in imports(path) if top} & HARDWARE, path


def test_help_needs_no_heavy_library() -> None:
    """`edge-daemon --help` imports neither numpy nor OpenCV: it answers at once, also on a small Pi."""
    code = "import sys, edge_daemon.cli.main; print([m for m in ('numpy', 'cv2', 'paho') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
