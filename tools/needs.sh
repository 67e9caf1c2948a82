#!/usr/bin/env bash
# Says in one sentence each what the tests miss on this machine.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }
missing=0
need() { echo "needs: $*" >&2; missing=1; }

have go || need "Go is missing: install Go 1.26 or newer."
have git || need "git is missing: install it, for example 'apt-get install git'."

if [ -z "${DATABASE_URL:-}" ] && ! have postgres &&
    ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null &&
    ! compgen -G '/opt/homebrew/opt/postgresql*/bin/postgres' >/dev/null &&
    ! compgen -G '/usr/local/opt/postgresql*/bin/postgres' >/dev/null; then
    need "PostgreSQL is missing: install it ('apt-get install postgresql', 'brew install postgresql'), or set DATABASE_URL."
fi

have chromium || have chromium-browser || have google-chrome || have headless-shell ||
    [ -d "/Applications/Google Chrome.app" ] || need \
    "Chromium is missing: the payer pages are tested in it; install it ('apt-get install chromium')."

have npm || [ -s "$(dirname "$0")/../bin/tools/axe.min.js" ] || need \
    "npm is missing: axe-core, which finds barriers in the payer pages, comes with it; install it ('apt-get install npm')."

exit $missing
