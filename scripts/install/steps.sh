# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # install.sh and the files beside this one see each other's names
# The steps of scripts/install.sh. Each can be repeated: what is already done is skipped.

opt=/opt/edge-daemon
configuration=/etc/edge-daemon
units=/usr/local/lib/systemd/system
udev=/usr/local/lib/udev/rules.d
command=/usr/local/bin/edge-daemon
user=edge-daemon
ours=(edge-daemon.service "edge-daemon@*.service" edge-daemon-opinion.service)
added="$opt/debian-packages" # packages that were not installed before
remembered="$opt/extras"

now="preparation"

exec 3>&2
say() { printf '%s\n' "$*" >&2; }

# step WHAT: prints what the next lines do; the message of a failure repeats it.
step() {
    now=$1
    say "- $1"
}

# run COMMAND...: runs the command; with --dry-run only prints it.
run() {
    if [ "$dry" ]; then
        printf '    %s\n' "$*" >&3 # always to stderr, also where the output of commands is discarded
    else
        "$@"
    fi
}

on_failure() {
    trap 'failed $?' ERR
    trap 'trap - ERR EXIT; say ""; say "Interrupted while: $now. Run the same command again to finish."; exit 130' INT TERM
    [ "$dry" ] || { exec 9> /run/edge-daemon-install.lock && flock -n 9; } || {
        say "install.sh: another install.sh is running; wait until it has finished"
        exit 1
    }
}

failed() {
    trap - ERR
    say "install.sh: this step failed (exit code $1): $now"
    say "The lines above say why. The installed version has not been changed. Fix the cause and run the same command"
    say "again: it continues where it stopped."
    exit 1
}

# from_bundle BUNDLE OPTION...: continues with the install.sh of the bundle, a folder or a .tar.gz.
from_bundle() {
    local place=$1 folder option rest=()
    shift
    if [ -f "$place" ]; then
        unpacked=$(mktemp -d /var/tmp/edge-daemon-bundle.XXXXXX) # not local: the trap needs it after this function
        folder=$unpacked/bundle
        trap 'rm -rf "$unpacked"' EXIT
        cp "$place" "$unpacked/file" # nobody can change it after its signature was checked
        [ "$unsigned" ] || check_signature "$place" "$unpacked/file"
        mkdir "$folder"
        tar --no-same-owner -xzf "$unpacked/file" -C "$folder" --strip-components=1
        [ "$unsigned" ] || check_age "$place" "$folder"
    else
        [ "$unsigned" ] || refuse_bundle "$place is a folder: only a .tar.gz can be signed."
        folder=$place
    fi
    if [ ! -d "$folder/wheels" ]; then
        say "install.sh: $place is not a bundle; scripts/bundle makes one"
        exit 1
    fi
    while [ $# -gt 0 ]; do
        option=$1 && shift
        case $option in
            --offline | --trust) shift ;;
            --unsigned | --older) ;;
            *) rest+=("$option") ;;
        esac
    done
    "$folder/scripts/install.sh" "${rest[@]}"
    exit
}

refuse_bundle() {
    say "install.sh: $1"
    say "Nothing was changed. ${2:-"To install a bundle without a check: --unsigned"}"
    exit 1
}

# check_signature BUNDLE COPY: refuses a bundle that no trusted key has signed. What is in it is not used for that.
check_signature() {
    local key keys="$unpacked/keys"
    [ -e "$1.sig" ] || refuse_bundle "$1 is not signed: $1.sig is missing."
    [ -r "$trust" ] || refuse_bundle "there is no $trust, whose keys would sign it: copy root.json there, or name it with --trust."
    command -v openssl > /dev/null || refuse_bundle "openssl is needed to check the signature: apt-get install openssl"
    mkdir "$keys"
    trusted_keys "$keys" || refuse_bundle "$trust is neither a root.json nor a public key (PEM)."
    for key in "$keys"/*.pem; do
        openssl pkeyutl -verify -rawin -pubin -inkey "$key" -in "$2" -sigfile "$1.sig" > /dev/null 2>&1 && return 0
    done
    refuse_bundle "no key in $trust has signed $1, or it was changed since."
}

# check_age BUNDLE FOLDER: refuses a bundle that was made before the installed one. It may have been signed before its
# weaknesses were known.
check_age() {
    local its ours
    its=$(cat "$2/made" 2> /dev/null || true) ours=$(cat "$opt/current/made" 2> /dev/null || true)
    [ "$older" ] || [ ! "$its" \< "$ours" ] || refuse_bundle "$1, made ${its:-earlier}, is older than what is installed, made $ours." \
        "To install it: --older"
}

# trusted_keys FOLDER: writes the keys that may sign, as PEM: those for `targets` of a root.json, or one public key.
trusted_keys() {
    if grep -q '^-----BEGIN PUBLIC KEY-----' "$trust"; then
        cp "$trust" "$1/key.pem"
        return
    fi
    python3 -I - "$trust" "$1" 2> /dev/null << 'PYTHON'
import base64, json, pathlib, sys

root = json.loads(pathlib.Path(sys.argv[1]).read_bytes())["signed"]
for number, name in enumerate(root["roles"]["targets"]["keyids"]):
    raw = bytes.fromhex("302a300506032b6570032100" + root["keys"][name]["keyval"]["public"])  # RFC 8410: Ed25519
    text = base64.b64encode(raw).decode()
    pathlib.Path(sys.argv[2], f"{number}.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
PYTHON
}

check_system() {
    local architecture
    if [ ! -d "$source/edge_daemon" ]; then
        say "install.sh: this is the copy of the installed version. It can install from a bundle (--offline), or --uninstall."
        exit 1
    fi
    if ! command -v dpkg > /dev/null || ! command -v systemctl > /dev/null; then
        say "install.sh: this is not Raspberry Pi OS or Debian with systemd. For other systems see systemd/README.md."
        exit 1
    fi
    architecture=$(dpkg --print-architecture)
    case $architecture in
        arm64 | amd64) ;;
        armhf | armel | i386)
            say "install.sh: this system has 32 bits ($architecture); the libraries need 64 bits."
            say "Write \"Raspberry Pi OS (64-bit)\" to the SD card with Raspberry Pi Imager, on a Pi 3, 4, 5, 400, 500 or Zero 2 W,"
            say "then run this again."
            exit 1
            ;;
        *)
            say "install.sh: there are no libraries for $architecture; it must be arm64 or amd64"
            exit 1
            ;;
    esac
    if ! python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
        say "install.sh: Python 3.11 or newer is needed; this is $(python3 -V 2>&1 || echo none)."
        say "Upgrade to Debian 12 / Raspberry Pi OS Bookworm or newer."
        exit 1
    fi
    if [ -d "$source/wheels" ]; then
        of_bundle=$(cat "$source/for")
        here="python$(python_version)-$architecture"
        [ "$of_bundle" = "$here" ] || {
            say "install.sh: this bundle is for $of_bundle, but this system is $here; make another bundle with scripts/bundle"
            exit 1
        }
    fi
}

# The extras of --with, or else those of the last run.
read_extras() {
    local extra
    [ "$extras" ] || [ ! -r "$remembered" ] || extras=$(cat "$remembered")
    for extra in ${extras//,/ }; do
        case $extra in
            preview | updates | report | fast | opinion) ;;
            *)
                say "install.sh: --with $extra: known are preview, updates, report, fast and opinion"
                exit 2
                ;;
        esac
        [ ! -d "$source/wheels" ] || grep -qw -- "$extra" "$source/extras" || {
            say "install.sh: $extra is not part of this bundle, which has: $(cat "$source/extras")."
            say "Make one that has it: scripts/bundle --with $extra. Or leave it out: --with preview"
            exit 1
        }
    done
}

remember_extras() {
    [ "$dry" ] || [ "$extras" = "$(cat "$remembered" 2> /dev/null)" ] || printf '%s\n' "$extras" > "$remembered"
}

python_version() { python3 -I -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# The name of the version in this source tree: number, hash of the content, Python version, extras.
identity() {
    local number content
    number=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/edge_daemon/__init__.py")
    content=$(cd "$source" && find edge_daemon models systemd scripts/install pyproject.toml -type f -not -name '*.py[co]' -print0 | LC_ALL=C sort -z \
        | xargs -0 sha256sum | sha256sum | cut -c1-8)
    printf '%s-%s-py%s%s\n' "$number" "$content" "$(python_version)" "${extras:+-${extras//,/-}}"
}

installed() { basename "$(readlink "$opt/current" 2> /dev/null)" 2> /dev/null || true; }

other_version_is_installed() { [ -e "$opt/current/complete" ] && [ "$(installed)" != "$1" ]; }

install_debian_packages() {
    local wanted=() before
    step "Debian packages"
    [ -d "$source/wheels" ] || python3 -I -c 'import ensurepip' 2> /dev/null || wanted+=(python3-venv)
    python3 -I -c 'import picamera2' 2> /dev/null || wanted+=(python3-picamera2)
    [ ! "$coral" ] || [ -n "$(find /usr/lib /lib -name 'libedgetpu.so.1' 2> /dev/null)" ] || wanted+=(libedgetpu1-std)
    [ ${#wanted[@]} -gt 0 ] || return 0
    if [ -d "$source/wheels" ]; then
        say "  not installed, and not part of a bundle: ${wanted[*]}"
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
            say "  apt has no python3-picamera2: it comes with Raspberry Pi OS. The Pi camera cannot be used here; other cameras can."
            ;;
        libedgetpu1-std)
            say "  apt has no libedgetpu1-std. Add Coral's apt repository (coral.ai, \"Get started\"), then run this again."
            ;;
        *)
            say "  apt has no $1"
            return 1
            ;;
    esac
}

create_user() {
    step "the user $user"
    run systemd-sysusers "$source/systemd/edge-daemon.sysusers"
    # models that root activated with version 0.1.0 are root's: the service could not remove them
    for state in /var/lib/edge-daemon{,-*}/models; do [ ! -d "$state" ] || run chown -hR "$user:$user" "$state"; done
}

# install_programs VERSION: makes an environment in $opt/versions; it is valid once it has the file `complete`.
install_programs() {
    local place="$opt/versions/$1"
    step "the programs, in $place"
    [ ! -e "$place/complete" ] || return 0
    run rm -rf "$place" "$opt/build"
    run mkdir -p "$opt/versions" "$opt/build"
    make_environment "$place"
    run cp -r "$source/systemd" "$place/systemd"
    run mkdir "$place/scripts" # to return to the version before, to check later bundles, and to remove it
    run cp -r "$source"/scripts/install{,.sh} "$place/scripts"
    [ ! -e "$source/made" ] || run cp "$source/made" "$place" # the bundle's date
    run picamera2_still_works "$place"
    run sync -f "$place" # a power cut must not leave a part of them with the file `complete`
    run touch "$place/complete"
    run rm -rf "$opt/build" "$opt/downloads"
}

# make_environment PLACE: the libraries in the versions and with the hashes of requirements/, and our own package. pip and
# setuptools are there while it is made, and not in it.
make_environment() {
    local place=$1 tools="$opt/build/tools" copy="$opt/build/edge_daemon" pip from=() tool
    pip=(env "PYTHONPATH=$tools" "PIP_CACHE_DIR=$opt/downloads" "$place/bin/python" -P -m pip)
    run share_libraries "$place"
    run python3 -I -m venv --system-site-packages --without-pip "$place"
    if [ -d "$source/wheels" ]; then
        from=(--no-index --find-links "$source/wheels")
        # unpacked: inside its wheel pip would be compiled again at every call
        for tool in "$source"/wheels/{pip,setuptools}-*.whl; do run python3 -I -m zipfile -e "$tool" "$tools"; done
    else
        run python3 -I -m venv "$opt/build/first"
        run "$opt/build/first/bin/python" -I -m pip install -q --disable-pip-version-check --only-binary :all: \
            --require-hashes -r "$source/scripts/install/requirements/tools.txt" --target "$tools"
    fi
    run required_libraries
    run "${pip[@]}" install -q --disable-pip-version-check --only-binary :all: "${from[@]}" --no-deps --require-hashes \
        -r "$opt/build/requirements"
    run mkdir "$copy" # a build writes files, which do not belong into the source tree
    run cp -r "$source"/{edge_daemon,models,pyproject.toml,README.md,LICENSE} "$copy"
    run "${pip[@]}" install -q --disable-pip-version-check --no-index --no-deps --no-build-isolation "$copy"
    run chmod -R go=u-w "$place"
}

# What is installed: the base, and the extras. picamera2 is Debian's and needs Debian's numpy: no other one beside it.
required_libraries() {
    local extra
    for extra in base ${extras//,/ }; do cat "$source/scripts/install/requirements/$extra.txt"; done \
        | if debian_numpy; then awk '/^[^ #]/ { other = !/^numpy==/ } other'; else cat; fi > "$opt/build/requirements"
}

debian_numpy() { python3 -I -c 'import numpy' 2> /dev/null; }

# share_libraries PLACE: hard links to the libraries of the version in use, so that equal files are not written again.
# pip replaces files and never changes one: the version in use is not affected.
share_libraries() {
    local libraries
    libraries="lib/python$(python_version)/site-packages"
    [ -d "$opt/current/$libraries" ] || return 0
    mkdir -p "$1/$libraries"
    cp -al "$opt/current/$libraries/." "$1/$libraries"
    rm -rf "$1/$libraries"/{pip,setuptools,pkg_resources,_distutils_hack,distutils-precedence.pth}{,-*} # of version 0.1.0
    ! debian_numpy || rm -rf "$1/$libraries"/numpy{,-*,.libs}
}

# If picamera2 could be imported before, it must still be importable with the new libraries.
picamera2_still_works() {
    python3 -I -c 'import picamera2' 2> /dev/null || return 0
    "$1/bin/python" -I -c 'import picamera2'
}

# run_self_test VERSION: as the service's user.
run_self_test() {
    step "self-test"
    if [ "$dry" ]; then
        run runuser -u "$user" -- "$opt/versions/$1/bin/edge-daemon" selftest
    elif ! (cd / && runuser -u "$user" -- "$opt/versions/$1/bin/edge-daemon" selftest); then
        rm -rf "$opt/versions/$1" # so that the next run makes it again
        say "The self-test of $1 failed; nothing was changed. $(installed_note)"
        return 1
    fi
}

installed_note() { [ ! -e "$opt/current" ] || echo "$(installed) is still installed."; }

# create_configuration VERSION: only root and the service can read it. An existing file is never changed.
create_configuration() {
    step "the configuration, in $configuration"
    run install -d -m 2750 -o root -g "$user" "$configuration"
    [ -e "$configuration/config.toml" ] || run first_configuration "$1"
    run chmod -R o-rwx "$configuration"
    # files kept by --uninstall belong to root alone; files that only root could read (passwords) stay like that
    run find "$configuration" -type f -perm -g=r -exec chgrp "$user" {} +
}

first_configuration() {
    "$opt/versions/$1/bin/edge-daemon" config | install -m 0640 -o root -g "$user" /dev/stdin "$configuration/config.toml.new"
    mv "$configuration/config.toml.new" "$configuration/config.toml"
}

systemd_runs() { [ -d /run/systemd/system ]; }

# Our services that are running or starting.
active_units() { systemctl list-units --plain --no-legend --state=active,activating,reloading "${ours[@]}" | cut -d' ' -f1; }

print_next_commands() {
    [ ! "$dry" ] || return 0
    say ""
    say "edge-daemon $(installed) is installed. Next:"
    say "  sudo edge-daemon setup                                            # step by step to the first reading, or by hand:"
    say "  sudo nano $configuration/config.toml                              # camera, fields, broker: every key is explained"
    say "  sudo edge-daemon check --config $configuration/config.toml        # checks everything and says what to do"
    if systemd_runs && [ -n "$(active_units)" ]; then
        say "  journalctl -fu edge-daemon                                         # the log of the running service"
    else
        say "  sudo systemctl enable --now edge-daemon                            # start, now and at every boot"
    fi
}

# After a first installation that a person watches the guided setup begins; to leave it is no failure of the installation.
begin_setup() {
    [ ! "$dry" ] && [ "$mode" = install ] && [ -t 0 ] && [ -t 1 ] && systemd_runs && [ -z "$(active_units)" ] || return 0
    say ""
    say "Here begins: sudo edge-daemon setup. Ctrl-C leaves it; it can be taken up again at any time."
    trap - ERR INT TERM
    "$command" setup 9>&- || true
}
