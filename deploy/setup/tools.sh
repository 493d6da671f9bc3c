#!/usr/bin/env bash
# tools.sh: the programs that the tests call, from Debian's packages (apt-test.txt).

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LIST=deploy/setup/apt-test.txt

main() {
    local missing
    missing=$(missing_packages)
    if [ -z "$missing" ]; then return; fi
    if ! is_root || ! has apt-get; then
        fail "the tests need programs of these Debian packages:" $missing \
            "as root: apt-get install $(tr '\n' ' ' <<<"$missing")"
    fi
    apt_install $missing
    local name
    for name in prometheus nginx; do
        if grep -qx "$name" <<<"$missing"; then no_service "$name"; fi
    done
}

# Debian starts what it installs and will start it again; the tests only call the program.
no_service() {
    say "stopping and disabling the service $1 that came with its package"
    service "$1" stop >"$LOG" 2>&1 || true
    update-rc.d "$1" disable >"$LOG" 2>&1 || true
}

missing_packages() {
    local program package
    words "$LIST" | while read -r program package; do
        has "$program" || [ -e "$program" ] || echo "$package"
    done | sort -u
}

main
