"""scripts/train and scripts/campaign: their usage names every network and campaign, and each of them starts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPTS / command[0], *command[1:]], capture_output=True, text=True)


@pytest.mark.parametrize("script", ["train", "campaign", "compile-edgetpu", "rig"])
def test_usage(script: str) -> None:
    """Without arguments and with --help the usage is printed, and the exit code is 0."""
    without, asked = run(script), run(script, "--help")
    assert without.stdout == asked.stdout
    assert f"scripts/{script} " in asked.stdout
    assert (without.returncode, asked.returncode, asked.stderr) == (0, 0, "")


@pytest.mark.parametrize("script", ["train", "campaign", "rig", "check"])
def test_unknown_names_are_refused(script: str) -> None:
    """A network, campaign, rig or option that does not exist is named in the error message; the exit code is 2."""
    done = run(script, "nonsense")
    assert (done.returncode, done.stderr) == (2, f"{script}: unknown: nonsense\n")


@pytest.mark.slow
@pytest.mark.parametrize("script", ["train", "campaign"])
def test_help_of_each(script: str) -> None:
    """Every name in the usage is one that starts, and its help shows the command that the user typed."""
    names = set(re.findall(rf"^  scripts/{script} ([a-z-]+)", run(script).stdout, re.M))
    assert len(names) == {"train": 4, "campaign": 15}[script]
    for name in names:
        done = run(script, name, "--help")
        assert done.returncode == 0, done.stderr
        assert f"scripts/{script} {name}" in done.stdout
