# shellcheck shell=bash disable=SC2154
# scripts/install.sh --uninstall [--purge]. Sourced by it, after steps.sh.

state() { find /var/lib -maxdepth 1 -name 'edge-daemon' -o -maxdepth 1 -name 'edge-daemon-*'; }

units_of_ours() {
    active_units
    # it fails if there are none
    { systemctl list-unit-files --plain --no-legend "${ours[@]}" || true; } | cut -d' ' -f1 | sed '/@\.service/d'
    systemctl list-units --all --plain --no-legend "${ours[@]}" | cut -d' ' -f1
}

stop_services() {
    local found
    step "stopping the service"
    systemd_runs || return 0
    mapfile -t found < <(units_of_ours | sort -u)
    [ ${#found[@]} -gt 0 ] || return 0
    run systemctl disable -q --now "${found[@]}" 2> /dev/null || true
    run systemctl reset-failed "${found[@]}" 2> /dev/null || true
    run systemctl stop 'edge-daemon-first-hour-*.timer'
}

remove_programs() {
    step "removing programs, units and rules"
    run rm -f "$command" "$units"/edge-daemon{,@,-opinion}.service "$udev/60-edge-daemon-coral.rules"
    run rmdir -p --ignore-fail-on-non-empty "$units" "$udev" 2> /dev/null || true
    run rm -rf "${opt:?}/versions" "$opt"/current{,.new} "$opt"/{unchecked,before,undone}{,.new} "$opt/deaths" "$opt/build" "$opt/downloads" "$remembered"
    run rm -rf /run/edge-daemon /run/edge-daemon-*/
    systemd_runs || return 0
    run systemctl daemon-reload
    [ ! -S /run/udev/control ] || run udevadm control --reload
}

# Files that stay are given to root: the number of a removed user may be used again for another one.
remove_user() {
    step "removing the user $user"
    [ "$purge" ] || mapfile -t left < <(state)
    [ "$purge" ] || run chown -R root:root "$configuration" "${left[@]}" 2> /dev/null || true
    getent passwd "$user" > /dev/null && run userdel "$user" 2> /dev/null
    getent group "$user" > /dev/null && run groupdel "$user"
    return 0
}

remove_data() {
    step "removing configuration and state"
    mapfile -t left < <(state)
    run rm -rf "$configuration" "${left[@]}" /etc/systemd/system/edge-daemon{,-opinion}.service.d /etc/systemd/system/edge-daemon@*.service.d
}

# Only if apt would remove nothing else with them.
remove_packages() {
    local packages would
    [ -s "$added" ] || return 0
    step "removing the packages that were installed with it"
    mapfile -t packages < <(sort -u "$added")
    would=$(apt-get -s purge "${packages[@]}" 2> /dev/null | sed -n 's/^Purg \([^ ]*\).*/\1/p' | LC_ALL=C sort -u)
    if [ "$would" = "$(LC_ALL=C sort -u "$added")" ]; then
        run env DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq "${packages[@]}" > /dev/null
    else
        say "  not removed, because other packages need them now: ${packages[*]}"
    fi
}

print_result() { if [ "$dry" ]; then say "Nothing was changed."; else say "$1"; fi; }

stop_services
remove_programs
remove_user
if [ "$purge" ]; then
    remove_data
    remove_packages
    run rm -rf "$opt"
    print_result "edge-daemon is removed completely; only its log lines in the journal are left."
else
    run rmdir --ignore-fail-on-non-empty "$opt" 2> /dev/null || true
    print_result "edge-daemon is removed. $configuration and /var/lib/edge-daemon are kept; --uninstall --purge removes them too."
fi
run rm -f /run/edge-daemon-install.lock
