"""A service's life on a fresh machine: install, run, be killed, hang, be reconfigured, upgraded, removed.

Runs inside a rig (container or virtual machine) as root, with nothing but Debian's python3 and mosquitto:
python3 -m scripts.rigs.scenario BUNDLE [CLONE]. With CLONE the first installation is made from that source tree, with
what the network gives; all others are made from the bundle. Prints a line for each thing that was seen to hold, and
ends at the first that does not.
"""

from __future__ import annotations

import sys
from functools import partial

from scripts.rigs import changes, life
from scripts.rigs.machine import carry_out, run, told
from scripts.rigs.service import BASE, broker, listing


def main(bundle: str, clone: str = "") -> None:
    BASE.mkdir()
    run("tar", "-xzf", bundle, "-C", str(BASE), "--strip-components=1")
    broker.start()
    fresh = listing()
    first = [f"{clone}/scripts/install.sh"] if clone else [f"{BASE}/scripts/install.sh", "--offline", bundle]
    carry_out(
        [
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
    )


if __name__ == "__main__":
    told(partial(main, *sys.argv[1:]))
