# shellcheck shell=bash
# Sourced by the other scripts: makes the project's own Python environment, once, and again when pyproject.toml changes.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin  # Debian leaves them out of a user's PATH; mosquitto is there

say() { printf '%s\n' "$*" >&2; }

# usage [ARGUMENT]: prints the comment at the top of the calling script and exits: with 0 after -h, --help or no argument,
# with 2 after any other, which the script does not know.
usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
    case "${1:-}" in "" | -h | --help) exit 0 ;; esac
    say "${0##*/}: unknown: $1"
    exit 2
}

# apt_install PACKAGE...: as root, install; otherwise say the one command and stop.
apt_install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $* with apt"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1 && return
        say "apt could not install $*. Try: apt-get update && apt-get install $*"
        exit 1
    fi
    say "$* is needed. Please run: sudo apt-get install $*    and then run this again."
    exit 1
}

# needs COMMAND=PACKAGE...: installs the Debian package of each command that is missing.
needs() {
    local missing=() pair
    for pair in "$@"; do command -v "${pair%=*}" > /dev/null || missing+=("${pair#*=}"); done
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# environment NAME EXTRAS: leaves the path of a ready virtual environment in $env (.venv or .venv-NAME).
environment() {
    local python=${PYTHON:-python3} stamp
    env="$root/.venv${1:+-$1}"
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "Python 3.11 or newer is needed; '$python' is $("$python" -V 2>&1 || echo missing). Set PYTHON=... to another one."
        exit 1
    fi
    stamp="$env/.made-for-${2//,/-}"  # earlier extras stay installed; another command may add to them
    [ "$(cat "$stamp" 2>/dev/null)" = "$(cksum < "$root/pyproject.toml")" ] && return
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    say "making the environment ${env##*/} (a minute, once)"
    [ -x "$env/bin/python" ] || "$python" -m venv "$env"
    "$env/bin/python" -m pip install -q --disable-pip-version-check -e "${root}[$2]" || {
        say "pip could not install the project's requirements; the lines above say why. Repair that and run this again."
        exit 1
    }
    cksum < "$root/pyproject.toml" > "$stamp"
}

# newer_environment EXTRAS: the same in .venv-newer, with the library versions that Python 3.12 and newer get, whatever Python this is.
newer_environment() {
    local libraries
    environment newer "$1"
    [ "$env/.newer" -nt "$env/.made-for-${1//,/-}" ] && return
    mapfile -t libraries < <("$env/bin/python" -c 'import sys, tomllib
for one in tomllib.load(open(sys.argv[1], "rb"))["project"]["dependencies"]:
    library, _, marker = one.partition(";")
    if "python_version>=" in marker: print(library)' "$root/pyproject.toml")
    # --no-deps: pip would warn that this is not what Python 3.11 gets, which is what is wanted
    "$env/bin/python" -m pip install -q --disable-pip-version-check --no-deps -U "${libraries[@]}" &&
        "$env/bin/python" -m pip uninstall -q -y tflite-runtime || exit
    touch "$env/.newer"
}
