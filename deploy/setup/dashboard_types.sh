#!/usr/bin/env bash
# dashboard_types.sh: Grafana's types and the compiler that reads them, in .venv/share, exactly as
# tests/grafana/types/package-lock.json says.  The tests judge dashboards by them.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly ASKED=tests/grafana/types
readonly PLACE=$VENV/share/dashboard-types

main() {
    if is_current; then return; fi
    say "fetching Grafana's types and TypeScript (6 MB)"
    rm -rf "$PLACE"
    mkdir -p "$PLACE"
    cp "$ASKED/package.json" "$ASKED/package-lock.json" "$PLACE"
    (cd "$PLACE" && npm ci --ignore-scripts --no-audit --no-fund >"$LOG" 2>&1) || stop
    cp "$ASKED/package-lock.json" "$PLACE/made-for.json"
}

is_current() { cmp --silent "$ASKED/package-lock.json" "$PLACE/made-for.json"; }

stop() {
    tail -n 5 "$LOG" >&2
    fail "npm ci did not work: see above"
}

main
