#!/usr/bin/env bash
# python.sh run|test: the Python environment in .venv, exactly as the lock says.
# Does nothing when it is there already, for this lock, this Python and this folder.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly USE=$1
readonly PYTHON=${PYTHON:-python3}

main() {
    local lock=requirements.lock
    [ "$USE" = test ] && lock=requirements-dev.lock
    if is_current run requirements.lock && [ "$USE" = run ]; then return; fi
    if is_current test requirements-dev.lock; then return; fi
    is_usable || make_environment
    install "$lock"
    remember "$USE" "$lock"
}

# What the environment was made from: another lock, place or list of modules makes it anew.
digest() {
    { pwd; cat "$1" pyproject.toml deploy/setup/python.sh; } | sha256sum | cut -d' ' -f1
}

is_current() {
    is_usable && [ "$(cat "$VENV/.made-for-$1" 2>/dev/null)" = "$(digest "$2")" ]
}

remember() {
    rm -f "$VENV"/.made-for-*
    digest "$2" >"$VENV/.made-for-$1"
    if [ "$1" = test ]; then digest requirements.lock >"$VENV/.made-for-run"; fi
}

# Whether .venv is there, works and was made in this very folder.
is_usable() {
    [ "$(cat "$VENV/.made-in" 2>/dev/null)" = "$PWD" ] && "$VENV_PYTHON" -c '' 2>/dev/null
}

make_environment() {
    has "$PYTHON" || need_python "there is no program $PYTHON"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        need_python "$PYTHON is $("$PYTHON" --version 2>&1), and 3.11 or later is needed"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || add_venv
    say "making the Python environment .venv with $("$PYTHON" --version)"
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV" || fail "$PYTHON -m venv did not work: see above"
    pwd >"$VENV/.made-in"
}

need_python() {
    fail "$1" "Debian 12 has it: apt-get install python3 python3-venv" \
        "or name another one:  make PYTHON=/path/to/python3.11 …"
}

# Debian keeps venv and ensurepip in packages of their own.
add_venv() {
    local version
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! is_root || ! has apt-get; then
        fail "$PYTHON has no venv and ensurepip" \
            "as root: apt-get install python3-venv python$version-venv" \
            "or name another Python: make PYTHON=/path/to/python3.11 …"
    fi
    apt_install python3-venv "python$version-venv"
    "$PYTHON" -c 'import ensurepip, venv' || fail "$PYTHON still has no venv and ensurepip"
}

install() {
    say "installing the Python packages of $1 (about 150 MB; a minute or two the first time)"
    pip install --require-hashes --only-binary :all: -r "$1"
    say "installing the certificate factory itself"
    pip install --no-deps --no-build-isolation -e .
}

# Always as a module: the programs that pip writes do not bear every path.
pip() {
    "$VENV_PYTHON" -m pip --disable-pip-version-check --no-input "$1" --quiet --quiet "${@:2}" ||
        fail "pip $1 did not work: see above"
}

main
