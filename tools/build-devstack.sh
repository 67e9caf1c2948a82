#!/usr/bin/env bash
# Builds devstack to the path in $1 and shows how far it is: the Temporal server is some 1,800 packages.
set -euo pipefail
cd "$(dirname "$0")/../devstack"

total=$(go list -deps . | wc -l)
go build -v -o "$1" . 2>&1 | awk -v total="$total" '
    # -v names each package as it is built; what was built before is not named. Anything else is for the reader.
    !/^[A-Za-z0-9][A-Za-z0-9._~\/-]*$/ { print; fflush(); next }
    ++built == 1 { print "building the Temporal server for development; the first time takes minutes" }
    built % 100 == 0 { printf "  … %d of at most %d packages\n", built, total; fflush() }
    END { if (built > 1) print "  … done" }
'
