#!/usr/bin/env bash
# Installs edge-daemon as a service on Raspberry Pi OS or Debian, Bookworm or newer, 64 bits.
#
#   sudo scripts/install.sh                      install; or finish what was interrupted
#   sudo scripts/install.sh --upgrade            put this version in the place of the installed one, and go back if it fails
#   sudo scripts/install.sh --uninstall          remove it; configuration and undelivered readings stay
#   sudo scripts/install.sh --uninstall --purge  remove these too
#
#   --offline BUNDLE   take everything from a bundle made by scripts/bundle, without internet
#   --with EXTRAS      also preview (a page to aim the camera), updates (models by URL), fast; such as preview,updates.
#                      Remembered by later runs
#   --coral            also what a Coral accelerator needs
#   --dry-run          print every step and take none
#
# Programs go to /opt/edge-daemon (each version beside the others), the configuration to /etc/edge-daemon, what the
# service keeps to /var/lib/edge-daemon.
set -Eeuo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/install/steps.sh
. "$source/scripts/install/steps.sh"
# shellcheck source=scripts/install/versions.sh
. "$source/scripts/install/versions.sh"

mode=install dry="" purge="" coral="" bundle="" extras=""
given=("$@")
while [ $# -gt 0 ]; do
    case $1 in
        --upgrade) mode=upgrade ;;
        --uninstall) mode=uninstall ;;
        --purge) purge=yes ;;
        --coral) coral=yes ;;
        --with) extras=${2:?"--with wants names: preview, updates, fast, with commas between them"} && shift ;;
        --dry-run) dry=yes ;;
        --offline) bundle=${2:?"--offline wants the bundle that scripts/bundle made"} && shift ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" && exit ;;
        *) say "install.sh: unknown option $1; see install.sh --help" && exit 2 ;;
    esac
    shift
done
if [ "$purge" ] && [ $mode != uninstall ]; then
    say "install.sh: --purge goes with --uninstall"
    exit 2
fi
if [ ! "$dry" ] && [ "$(id -u)" != 0 ]; then
    say "install.sh: this needs root. Please run: sudo $0 ${given[*]}"
    exit 1
fi
if [ "$bundle" ]; then
    from_bundle "$bundle" "${given[@]}"
fi
on_failure
if [ $mode = uninstall ]; then
    # shellcheck source=scripts/install/uninstall.sh
    . "$source/scripts/install/uninstall.sh"
    exit
fi

fits_this_system
known_extras
version=$(identity)
if [ $mode = install ] && other_version_is_installed "$version"; then
    say "edge-daemon $(installed) is installed. To put $version in its place: sudo $0 --upgrade"
    exit
fi
packages_of_debian
the_user
the_programs "$version"
the_self_test "$version"
the_configuration "$version"
switch_to "$version"
remember_extras
probation "$version"
tidy "$version"
next_commands
