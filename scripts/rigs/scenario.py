"""A service's life on a fresh machine: install, run, be killed, hang, be reconfigured, upgraded, removed.

Runs inside a rig (container or virtual machine) as root, with nothing but Debian's python3 and mosquitto:
python3 -m scripts.rigs.scenario BUNDLE [CLONE]. With CLONE the first installation is made from that source tree, with
what the network gives; all others are made from the bundle. Prints a line for each thing that was seen to hold, and
ends at the first that does not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from scripts.rigs import changes, life
from scripts.rigs.machine import Failed, output, run
from scripts.rigs.service import BASE, broker, listing


def main(bundle: str, clone: str = "") -> None:
    BASE.mkdir()
    run("tar", "-xzf", bundle, "-C", str(BASE), "--strip-components=1")
    broker.start()
    fresh = listing()
    first = [f"{clone}/scripts/install.sh"] if clone else [f"{BASE}/scripts/install.sh", "--offline", bundle]
    steps: list[Callable[[], None]] = [
        partial(life.installs, first),
        partial(life.installs_again, first),
        life.is_private,
        life.checks,
        life.starts,
        life.comes_back_after_a_kill,
        life.hung_is_restarted,
        life.reloads,
        life.keeps_the_last_good_configuration,
        life.takes_several_cameras,
        life.gives_second_opinions,
        life.runs_on_a_read_only_root,
        changes.upgrades,
        changes.goes_back,
        changes.finishes_what_was_interrupted,
        changes.uninstalls,
        partial(changes.purges, fresh),
    ]
    for step in steps:
        started = time.monotonic()
        step()
        named = step.func if isinstance(step, partial) else step
        print(f"ok {time.monotonic() - started:6.1f} s  {named.__doc__}", flush=True)
    print(f"all {len(steps)} hold", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failed as failure:
        print(f"NOT OK: {failure}", flush=True)
        sys.exit(1)
    finally:
        print("\n$ journalctl -u 'edge-daemon*'", flush=True)
        print(output("journalctl", "-u", "edge-daemon*", "--no-pager"), flush=True)
