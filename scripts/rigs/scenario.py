"""A service's life on a fresh machine: install, run, be killed, hang, be reconfigured, upgraded, removed.

Runs inside a rig (container or virtual machine) as root, with nothing but Debian's python3 and mosquitto:
python3 -m scripts.rigs.scenario BUNDLE KEY [CLONE]. KEY is the public key that belongs to the bundle's signature. With
CLONE the first installation is made from that source tree, with what the network gives; all others are made from the
bundle. Prints a line for each thing that was seen to hold, and ends at the first that does not.
"""

from __future__ import annotations

import sys
from functools import partial

from scripts.rigs import operation, upgrades
from scripts.rigs.machine import carry_out, run, told
from scripts.rigs.service import BASE, broker, listing


def main(bundle: str, key: str, clone: str = "") -> None:
    BASE.mkdir()
    run("tar", "-xzf", bundle, "-C", str(BASE), "--strip-components=1")
    broker.start()
    fresh = listing()
    first = [f"{BASE}/scripts/install.sh", "--offline", bundle, "--trust", key]
    if clone:
        first = [f"{clone}/scripts/install.sh"]
    first += ["--with", "preview"]
    carry_out(
        [
            partial(operation.installs, first),
            partial(operation.installs_again, first),
            operation.is_private,
            operation.checks,
            operation.starts,
            operation.comes_back_after_a_kill,
            operation.hung_is_restarted,
            operation.reloads,
            operation.keeps_the_last_good_configuration,
            operation.takes_several_cameras,
            operation.names_what_second_opinions_need,
            operation.aims_as_the_services_user,
            operation.may_ask_for_the_clock,
            operation.runs_on_a_read_only_root,
            upgrades.uses_a_model_of_its_own,
            upgrades.upgrades,
            upgrades.goes_back,
            upgrades.finishes_what_was_interrupted,
            upgrades.confirms,
            upgrades.returns_within_the_first_hour,
            upgrades.gives_second_opinions,
            upgrades.uninstalls,
            partial(upgrades.purges, fresh),
        ]
    )


if __name__ == "__main__":
    told(partial(main, *sys.argv[1:]))
