#!/usr/bin/env bash
# Installs edge-daemon as a service on Raspberry Pi OS or Debian, Bookworm or newer, 64 bits.
#
#   sudo scripts/install.sh                      install, or finish an interrupted installation
#   sudo scripts/install.sh --upgrade            replace the installed version; if that fails, go back to it
#   sudo scripts/install.sh --uninstall          remove it; configuration and undelivered readings stay
#   sudo scripts/install.sh --uninstall --purge  remove these too
#
#   --offline BUNDLE   install from a bundle made by scripts/bundle, without internet. Its signature, BUNDLE.sig, must be
#                      from a key in /etc/edge-daemon/root.json
#   --trust FILE       another root.json, or a public key (PEM)
#   --unsigned         do not check the signature
#   --older            also a bundle that was made before the installed one
#   --with EXTRAS      also install preview (a page to aim the camera), updates (models by URL), report (what happened,
#                      as a page with plots), fast (a faster interpreter), opinion (the engine of second opinions).
#                      Example: --with preview,updates. Later runs remember them. Bundles have report, fast and opinion
#                      only if made with scripts/bundle --with
#   --coral            also install what a Coral accelerator needs
#   --dry-run          print every step, change nothing
#
# Programs are in /opt/edge-daemon (each version in a folder of its own), the configuration in /etc/edge-daemon, the
# service's data in /var/lib/edge-daemon.
set -Eeuo pipefail
umask 022 # with 077 the service could not read its own programs
# Python must not import what lies in the folder from which this was called: anybody may have put it there
unset CDPATH PYTHONPATH PYTHONHOME PYTHONSTARTUP
export PYTHONSAFEPATH=1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/install/steps.sh
. "$source/scripts/install/steps.sh"
# shellcheck source=scripts/install/versions.sh
. "$source/scripts/install/versions.sh"

mode=install dry="" purge="" coral="" bundle="" extras="" unsigned="" older="" trust="$configuration/root.json"
given=("$@")
while [ $# -gt 0 ]; do
    case $1 in
        --upgrade) mode=upgrade ;;
        --uninstall) mode=uninstall ;;
        --purge) purge=yes ;;
        --coral) coral=yes ;;
        --with) extras=${2:?"--with needs names: preview, updates, report, fast, opinion, separated by commas"} && shift ;;
        --dry-run) dry=yes ;;
        --offline) bundle=${2:?"--offline needs a bundle made by scripts/bundle"} && bundle=$(realpath -m "$bundle") && shift ;;
        --trust) trust=${2:?"--trust needs a file"} && trust=$(realpath -m "$trust") && shift ;;
        --unsigned) unsigned=yes ;;
        --older) older=yes ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" && exit ;;
        *) say "install.sh: unknown option $1; see install.sh --help" && exit 2 ;;
    esac
    shift
done
if [ "$purge" ] && [ $mode != uninstall ]; then
    say "install.sh: --purge can only be used with --uninstall"
    exit 2
fi
if [ ! "$dry" ] && [ "$(id -u)" != 0 ]; then
    say "install.sh: this needs root. Please run: sudo $0 ${given[*]}"
    exit 1
fi
cd /
if [ "$bundle" ]; then
    from_bundle "$bundle" "${given[@]}"
fi
on_failure
if [ $mode = uninstall ]; then
    # shellcheck source=scripts/install/uninstall.sh
    . "$source/scripts/install/uninstall.sh"
    exit
fi

check_system
read_extras
version=$(identity)
if [ $mode = install ] && other_version_is_installed "$version"; then
    say "edge-daemon $(installed) is installed. To replace it with $version: sudo $0 --upgrade"
    exit
fi
install_debian_packages
create_user
install_programs "$version"
run_self_test "$version"
create_configuration "$version"
run remember_before "$version"
switch_to "$version"
remember_extras
probation "$version"
tidy "$version"
print_next_commands
begin_setup
