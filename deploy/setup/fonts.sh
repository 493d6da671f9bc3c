#!/usr/bin/env bash
# fonts.sh: Debian's free Chinese fonts, byte for byte those of fonts.sha256.
# As root they are installed; without root they are unpacked into .venv/share/fonts.
# FACTORY_FONT_DIRS, where it is set, is searched instead and nothing is installed.
# ACCEPT_FONTS=1 goes on with files that differ; `fonts.sh pin` writes their digests down.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly PINS=deploy/setup/fonts.sha256
readonly PACKAGES=deploy/setup/apt-fonts.txt
readonly OWN=$VENV/share/fonts
readonly STAMP=$VENV/.made-for-fonts
readonly DEBIAN=/usr/share/fonts/truetype

IFS=: read -ra DIRS <<<"${FACTORY_FONT_DIRS:-$OWN:$DEBIAN:/usr/local/share/fonts}"

main() {
    if is_current; then return; fi
    if [ -n "$(missing_files)" ]; then fetch; fi
    if [ -n "$(missing_files)" ]; then
        fail "these fonts are in none of the folders ${DIRS[*]}:" $(missing_files)
    fi
    check
    mkdir -p "$VENV"
    state >"$STAMP"
}

# Where a pinned file is; nothing when it is nowhere.
find_file() {
    local dir found
    for dir in "${DIRS[@]}"; do
        found=$(find -L "$dir" -name "${1##*/}" -print -quit 2>/dev/null) || true
        if [ -n "$found" ]; then echo "$found" && return; fi
    done
}

pinned_files() { words "$PINS" | sed 's/^[0-9a-f]*  //'; }

missing_files() {
    pinned_files | while read -r file; do
        [ -n "$(find_file "$file")" ] || echo "$file"
    done
}

# What was checked last time: the pins, and each file's place, size and time.
state() {
    cat "$PINS"
    pinned_files | while read -r file; do
        stat -L -c '%n %s %Y' "$(find_file "$file")"
    done
}

is_current() {
    [ -f "$STAMP" ] && [ -z "$(missing_files)" ] && [ "$(state)" = "$(cat "$STAMP")" ]
}

check() {
    say "checking the fonts against their pinned digests"
    local digest file found wrong=()
    while read -r digest file; do
        found=$(find_file "$file")
        echo "$digest  $found" | sha256sum --check --status || wrong+=("$found")
    done < <(words "$PINS")
    if [ "${#wrong[@]}" = 0 ]; then return; fi
    if [ "${ACCEPT_FONTS:-}" = 1 ]; then
        say "accepted as they are: ${wrong[*]}"
        return
    fi
    fail "these fonts are not the pinned ones, so documents would not come out as tested:" \
        "${wrong[@]}" \
        "If Debian has renewed a package and you want the new files: ACCEPT_FONTS=1 make …" \
        "and, to keep them: bash deploy/setup/fonts.sh pin"
}

fetch() {
    local packages
    packages=$(words "$PACKAGES")
    if [ -n "${FACTORY_FONT_DIRS:-}" ]; then return; fi
    if ! has apt-get; then
        fail "this is no Debian: there is no apt-get" \
            "put these files into a folder and set FACTORY_FONT_DIRS to it:" $(pinned_files)
    fi
    if is_root; then
        apt_install $packages
    else
        unpack $packages
    fi
}

# Without root: download the packages and unpack only their fonts.
unpack() {
    say "unpacking Debian's fonts into $OWN (no root needed): $*"
    local package
    WORK=$(mktemp -d)
    trap 'rm -rf "$LOG" "$WORK"' EXIT
    (cd "$WORK" && download "$@")
    for package in "$WORK"/*.deb; do dpkg-deb -x "$package" "$WORK/all"; done
    rm -rf "$OWN" "$OWN.new"
    mkdir -p "${OWN%/*}"
    cp -R "$WORK/all$DEBIAN" "$OWN.new"
    mv "$OWN.new" "$OWN" # whole or not at all
}

# Into this folder; with package lists of our own where the system's are absent or too old.
download() {
    if apt-get download -qq "$@" >"$LOG" 2>&1; then return; fi
    say "reading Debian's package lists into a folder of our own"
    mkdir -p state/lists/partial cache/archives/partial
    local own=(
        -o "Dir::State=$PWD/state" -o "Dir::Cache=$PWD/cache"
        -o Dir::State::status=/var/lib/dpkg/status -o Debug::NoLocking=1
        -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::=
    )
    apt-get "${own[@]}" update -qq || fail "apt-get update did not work: see above"
    apt-get "${own[@]}" download -qq "$@" || fail "apt-get download did not work: see above"
}

pin() {
    local file
    pinned_files | while read -r file; do
        printf '%s  %s\n' "$(sha256sum <"$(find_file "$file")" | cut -d' ' -f1)" "$file"
    done >"$PINS.new"
    mv "$PINS.new" "$PINS"
    say "pinned: $PINS"
}

"${1:-main}"
