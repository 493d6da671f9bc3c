# Read by the other scripts of this folder; every one runs from the root of the clone.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly VENV=.venv
readonly VENV_PYTHON=.venv/bin/python

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'set-up stopped: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

has() { command -v "$1" >/dev/null 2>&1; }

# The words of a list file: comments and empty lines left out.
words() { grep -vE '^[[:space:]]*(#|$)' "$1"; }

# apt_install PACKAGE...: as root; the package lists are read anew when they are absent or too old.
apt_install() {
    say "installing Debian packages: $*"
    if apt_get_install "$@"; then return; fi
    say "reading Debian's package lists"
    apt-get update -qq || fail "apt-get update did not work: see above"
    apt_get_install "$@" && return
    tail -n 5 "$LOG" >&2
    fail "apt-get install did not work: see above"
}

apt_get_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -y "$@" \
        </dev/null >"$LOG" 2>&1
}

LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
