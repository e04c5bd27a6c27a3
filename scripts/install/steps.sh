# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # install.sh and the files beside this one see each other's names
# The steps of scripts/install.sh. Each can be taken again and again: what is done already is left alone.

opt=/opt/edge-daemon
configuration=/etc/edge-daemon
units=/usr/local/lib/systemd/system
udev=/usr/local/lib/udev/rules.d
command=/usr/local/bin/edge-daemon
user=edge-daemon
ours=(edge-daemon.service "edge-daemon@*.service" edge-daemon-opinion.service)
added="$opt/debian-packages" # those that were not there before us
remembered="$opt/extras"

now="looking around"

exec 3>&2
say() { printf '%s\n' "$*" >&2; }

# step WHAT: what the next lines do, for the person and for the message when they fail.
step() {
    now=$1
    say "- $1"
}

# run COMMAND...: do it; with --dry-run only say so.
run() {
    if [ "$dry" ]; then
        printf '    %s\n' "$*" >&3 # what a command has to complain of may go elsewhere; what would be done may not
    else
        "$@"
    fi
}

on_failure() {
    trap 'failed $?' ERR
    trap 'trap - ERR EXIT; say ""; say "Interrupted while: $now. Run the same command again to finish."; exit 130' INT TERM
    [ "$dry" ] || { exec 9> /run/edge-daemon-install.lock && flock -n 9; } || {
        say "install.sh: another one is at work; wait for it to end"
        exit 1
    }
}

failed() {
    trap - ERR
    say "install.sh: this step failed (exit code $1): $now"
    say "The lines above say why. What is installed and running is as it was. Put it right and run the same command again:"
    say "it goes on where it stopped."
    exit 1
}

# from_bundle BUNDLE OPTION...: goes on with the install.sh of the bundle, a folder or a .tar.gz.
from_bundle() {
    local place=$1 folder option rest=()
    shift
    if [ -f "$place" ]; then
        unpacked=$(mktemp -d /var/tmp/edge-daemon-bundle.XXXXXX) # not local: also there when the script ends outside
        folder=$unpacked
        trap 'rm -rf "$unpacked"' EXIT
        tar -xzf "$place" -C "$folder" --strip-components=1
    else
        folder=$place
    fi
    if [ ! -d "$folder/wheels" ]; then
        say "install.sh: $place is no bundle; scripts/bundle makes one"
        exit 1
    fi
    while [ $# -gt 0 ]; do
        option=$1 && shift
        if [ "$option" = --offline ]; then shift; else rest+=("$option"); fi
    done
    "$folder/scripts/install.sh" "${rest[@]}"
    exit
}

fits_this_system() {
    local architecture
    if ! command -v dpkg > /dev/null || ! command -v systemctl > /dev/null; then
        say "install.sh: this is not Raspberry Pi OS or Debian with systemd. systemd/README.md tells how to install elsewhere."
        exit 1
    fi
    architecture=$(dpkg --print-architecture)
    case $architecture in
        arm64 | amd64) ;;
        armhf | armel | i386)
            say "install.sh: this system has 32 bits ($architecture), and the libraries that read digits need 64."
            say "Write \"Raspberry Pi OS (64-bit)\" to the card with Raspberry Pi Imager, on a Pi 3, 4, 5, 400, 500 or Zero 2 W,"
            say "and run this again there."
            exit 1
            ;;
        *)
            say "install.sh: no libraries are built for $architecture; it must be arm64 or amd64"
            exit 1
            ;;
    esac
    if ! python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
        say "install.sh: Python 3.11 or newer is needed, this is $(python3 -V 2>&1 || echo none)."
        say "Upgrade to Debian 12 / Raspberry Pi OS Bookworm or newer."
        exit 1
    fi
    if [ -d "$source/wheels" ]; then
        of_bundle=$(cat "$source/for")
        here="python$(python_version)-$architecture"
        [ "$of_bundle" = "$here" ] || {
            say "install.sh: this bundle is for $of_bundle, and here is $here; make another one with scripts/bundle"
            exit 1
        }
    fi
}

# Those that were asked for, or else those of the last time.
known_extras() {
    local extra
    [ "$extras" ] || [ ! -r "$remembered" ] || extras=$(cat "$remembered")
    for extra in ${extras//,/ }; do
        case $extra in
            preview | updates | fast) ;;
            *)
                say "install.sh: --with $extra: known are preview, updates and fast"
                exit 2
                ;;
        esac
    done
}

remember_extras() { [ "$dry" ] || [ ! "$extras" ] || printf '%s\n' "$extras" > "$remembered"; }

python_version() { python3 -I -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# The name of what would be installed: its version, its content, and the Python it is for.
identity() {
    local number content
    number=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/edge_daemon/__init__.py")
    content=$(cd "$source" && find edge_daemon models systemd pyproject.toml -type f -not -name '*.py[co]' -print0 | LC_ALL=C sort -z \
        | xargs -0 sha256sum | sha256sum | cut -c1-8)
    printf '%s-%s-py%s%s\n' "$number" "$content" "$(python_version)" "${extras:+-${extras//,/-}}"
}

installed() { basename "$(readlink "$opt/current" 2> /dev/null)" 2> /dev/null || true; }

other_version_is_installed() { [ -e "$opt/current/complete" ] && [ "$(installed)" != "$1" ]; }

packages_of_debian() {
    local wanted=() before
    step "what Debian has of it"
    [ -d "$source/wheels" ] || python3 -I -c 'import ensurepip' 2> /dev/null || wanted+=(python3-venv)
    python3 -I -c 'import picamera2' 2> /dev/null || wanted+=(python3-picamera2)
    [ ! "$coral" ] || [ -n "$(find /usr/lib /lib -name 'libedgetpu.so.1' 2> /dev/null)" ] || wanted+=(libedgetpu1-std)
    [ ${#wanted[@]} -gt 0 ] || return 0
    if [ -d "$source/wheels" ]; then
        say "  not here, and a bundle does not bring it: ${wanted[*]}"
        return 0
    fi
    run apt-get update -qq
    before=$(packages_now)
    for package in "${wanted[@]}"; do
        if [ "$dry" ] || [ -n "$(apt-cache madison "$package" 2> /dev/null)" ]; then
            run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" > /dev/null
        else
            not_in_apt "$package"
        fi
    done
    [ "$dry" ] || { mkdir -p "$opt" && comm -13 <(printf '%s\n' "$before") <(packages_now) >> "$added"; }
}

packages_now() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | LC_ALL=C sort; }

not_in_apt() {
    case $1 in
        python3-picamera2)
            say "  apt has no python3-picamera2: it comes with Raspberry Pi OS. The Pi's own camera cannot be used here, others can."
            ;;
        libedgetpu1-std)
            say "  apt has no libedgetpu1-std. Coral's page \"Get started\" tells how to add its apt repository; then run this again."
            ;;
        *)
            say "  apt has no $1"
            return 1
            ;;
    esac
}

the_user() {
    step "its own user, $user"
    run systemd-sysusers "$source/systemd/edge-daemon.sysusers"
}

# the_programs VERSION: an environment of its own in $opt/versions, which counts once it has the file `complete`.
the_programs() {
    local place="$opt/versions/$1"
    step "the programs, in $place"
    [ ! -e "$place/complete" ] || return 0
    run rm -rf "$place" "$opt/build"
    run mkdir -p "$opt/versions" "$opt/build"
    make_environment "$place"
    run cp -r "$source/systemd" "$place/systemd"
    run picamera2_still_works "$place"
    run touch "$place/complete"
    run rm -rf "$opt/build" "$opt/downloads"
}

make_environment() {
    local place=$1 pip=("$1/bin/python" -m pip) from=() copy="$opt/build/edge_daemon" tools="$opt/build/tools" tool
    run constrain
    run share_libraries "$place"
    if [ -d "$source/wheels" ]; then
        run python3 -m venv --system-site-packages --without-pip "$place"
        # unpacked: from within its wheel pip would be compiled anew at every call
        for tool in "$source"/wheels/{pip,setuptools}-*.whl; do run python3 -m zipfile -e "$tool" "$tools"; done
        pip=(env "PYTHONPATH=$tools" "$place/bin/python" -m pip)
        from=(--no-index --find-links "$source/wheels" --no-build-isolation)
    else
        run python3 -m venv --system-site-packages "$place"
    fi
    run mkdir "$copy" # building leaves traces, which do not belong into the source
    run cp -r "$source"/{edge_daemon,models,pyproject.toml,README.md,LICENSE} "$copy"
    run env "PIP_CACHE_DIR=$opt/downloads" "${pip[@]}" install -q --disable-pip-version-check --only-binary :all: "${from[@]}" \
        --constraint "$opt/build/constraints" "$copy${extras:+[$extras]}"
    run chmod -R go=u-w "$place"
}

# picamera2 and what it is built against are Debian's: that numpy stays the one in use.
constrain() { python3 -I -c 'import numpy; print(f"numpy=={numpy.__version__}")' > "$opt/build/constraints" 2> /dev/null || true; }

# share_libraries PLACE: those of the version in use, as the same files: what fits is not written to the card once more.
# pip replaces files and never changes one, so the version in use stays as it is.
share_libraries() {
    local libraries
    libraries="lib/python$(python_version)/site-packages"
    [ -d "$opt/current/$libraries" ] || return 0
    mkdir -p "$1/$libraries"
    cp -al "$opt/current/$libraries/." "$1/$libraries"
}

# The camera library must import beside what was just installed, where it did before.
picamera2_still_works() {
    python3 -I -c 'import picamera2' 2> /dev/null || return 0
    "$1/bin/python" -I -c 'import picamera2'
}

# the_self_test VERSION: as the service's user, on this very machine.
the_self_test() {
    step "its self-test"
    if [ "$dry" ]; then
        run runuser -u "$user" -- "$opt/versions/$1/bin/edge-daemon" selftest
    elif ! (cd / && runuser -u "$user" -- "$opt/versions/$1/bin/edge-daemon" selftest); then
        rm -rf "$opt/versions/$1" # so that the next run makes it anew
        say "The self-test of $1 failed; nothing was changed. $(still_there)"
        return 1
    fi
}

still_there() { [ ! -e "$opt/current" ] || echo "$(installed) stays in place."; }

# the_configuration VERSION: only root and the service can read it. What a person has written is never touched.
the_configuration() {
    step "the configuration, in $configuration"
    run install -d -m 2750 -o root -g "$user" "$configuration"
    [ -e "$configuration/config.toml" ] || run first_configuration "$1"
    run chmod -R o-rwx "$configuration"
    # what an --uninstall left belongs to root alone; what was for root's eyes only, such as a password, stays so
    run find "$configuration" -type f -perm -g=r -exec chgrp "$user" {} +
}

first_configuration() {
    "$opt/versions/$1/bin/edge-daemon" config | install -m 0640 -o root -g "$user" /dev/stdin "$configuration/config.toml.new"
    mv "$configuration/config.toml.new" "$configuration/config.toml"
}

systemd_runs() { [ -d /run/systemd/system ]; }

# Those of our services that run, or are meant to.
active_units() { systemctl list-units --plain --no-legend --state=active,activating,reloading "${ours[@]}" | cut -d' ' -f1; }

next_commands() {
    [ ! "$dry" ] || return 0
    say ""
    say "edge-daemon $(installed) is installed. Next:"
    say "  sudo nano $configuration/config.toml                              # camera, fields, broker: every key is explained"
    say "  sudo edge-daemon check --config $configuration/config.toml        # is all well? what to do where it is not"
    if systemd_runs && [ -n "$(active_units)" ]; then
        say "  journalctl -fu edge-daemon                                         # it runs: what it says"
    else
        say "  sudo systemctl enable --now edge-daemon                            # start, now and at every boot"
    fi
}
