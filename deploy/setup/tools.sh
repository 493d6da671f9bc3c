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
}

missing_packages() {
    local program package
    words "$LIST" | while read -r program package; do
        has "$program" || echo "$package"
    done | sort -u
}

main
