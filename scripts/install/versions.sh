# shellcheck shell=bash disable=SC2154
# Switches from one version to another, and back if that fails. Sourced by install.sh and first-hour, after steps.sh.
#
#   current      a link to the version in use
#   unchecked    the version that was replaced, until the new one has kept running for some seconds
#   before       the last version that was confirmed, until the new one is: see first-hour
#   deaths       one line for each death of a service since the upgrade
#   undone       the version that was given up in its first hour

# switch_to VERSION: its units, and `current`, which is replaced in one step.
switch_to() {
    step "the service"
    run install -D -m 0644 -t "$units" "$opt/versions/$1"/systemd/*.service
    run install -D -m 0644 -t "$udev" "$opt/versions/$1/systemd/60-edge-daemon-coral.rules"
    run ln -sfn "versions/$1" "$opt/current.new"
    run sync -f "$opt" # what the link points to is on the disk before the link
    run mv -T "$opt/current.new" "$opt/current"
    run ln -sfn "$opt/current/bin/edge-daemon" "$command"
    systemd_runs || return 0
    run systemctl daemon-reload
    [ -S /run/udev/control ] || return 0 # a container has none
    run udevadm control --reload
    run udevadm trigger --subsystem-match=usb --subsystem-match=apex
}

# remember_before VERSION: notes the version that VERSION replaces, if any.
remember_before() {
    local replaced name
    replaced=$(installed)
    [ "$replaced" ] && [ "$replaced" != "$1" ] || return 0
    for name in unchecked before; do
        [ -e "$opt/$name" ] || { printf '%s\n' "$replaced" > "$opt/$name.new" && mv "$opt/$name.new" "$opt/$name"; }
    done
    rm -f "$opt/deaths" "$opt/undone"
}

# probation VERSION: restarts the running services; if one does not keep running, goes back to the version before.
# After that, first-hour does the same for an hour.
probation() {
    local unit active before
    [ "$dry" ] || [ -e "$opt/unchecked" ] || return 0
    step "restarting running services"
    systemd_runs || return 0
    active=$(active_units)
    before=$(cat "$opt/unchecked" 2> /dev/null || true)
    for unit in $active; do
        run stays_up "$unit" && continue
        say "$unit does not keep running with $1. Its last log lines:"
        journalctl -u "$unit" -n 12 --no-pager -o cat >&2 || true
        [ -n "$before" ] || return 1
        go_back_to "$before" "$1"
    done
    run rm -f "$opt/unchecked"
}

stays_up() {
    local restarts
    systemctl restart "$1" || return 1
    restarts=$(systemctl show -P NRestarts "$1")
    sleep 8
    systemctl -q is-active "$1" && [ "$(systemctl show -P NRestarts "$1")" = "$restarts" ]
}

# go_back_to BEFORE FAILED: switches back and removes the failed version.
go_back_to() {
    local unit
    say "Going back to $1."
    switch_to "$1"
    for unit in $active; do
        systemctl reset-failed "$unit" || true
        systemctl restart "$unit" || say "$unit does not start with $1 either; see journalctl -u $unit"
    done
    rm -rf "${opt:?}/unchecked" "$opt/deaths" "$opt/versions/$2"
    [ "$(cat "$opt/before" 2> /dev/null)" != "$1" ] || rm "$opt/before"
    say "The upgrade to $2 failed; $1 is in use again."
    exit 1
}

# tidy VERSION: removes all versions except this one and the one before, or else the newest other one.
tidy() {
    local version kept=""
    [ -d "$opt/versions" ] || return 0
    [ ! -s "$opt/before" ] || kept=$(cat "$opt/before")
    for version in $(cd "$opt/versions" && find . -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | cut -d" " -f2); do
        [ "$version" != "$1" ] && [ "$version" != "$kept" ] || continue
        if [ "$kept" ]; then run rm -rf "$opt/versions/$version"; else kept=$version; fi
    done
}
