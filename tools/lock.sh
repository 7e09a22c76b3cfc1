#!/usr/bin/env bash
# Locks what pyproject.toml asks for into requirements/{run,dev}.txt: exact versions, hashes, no index address.
#
# A release younger than a week is not taken, so that a poisoned one has time to be noticed.
#   LOCK_BEFORE=2026-11-14 tools/lock.sh   another day than "a week ago" (also: an index without upload times)
#   LOCK_UPGRADE=1 tools/lock.sh           take newer releases than the lock has now
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
before="${LOCK_BEFORE-$(date -u -d '7 days ago' +%F)}"
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
         --no-header --no-annotate --quiet)
[ -n "$before" ] && options+=(--exclude-newer "$before")
[ -n "${LOCK_UPGRADE-}" ] && options+=(--upgrade)

echo "lock: requirements/run.txt (releases before ${before:-now})"
"$uv" pip compile "${options[@]}" pyproject.toml --group build -o requirements/run.txt
echo "lock: requirements/dev.txt"
"$uv" pip compile "${options[@]}" pyproject.toml --group build --group dev \
    -c requirements/run.txt -o requirements/dev.txt

if grep -nE 'file:|https?://|--(extra-)?index-url|--find-links|^(torch|nvidia-)' requirements/*.txt; then
    echo "lock: the lines above must not be in a lock file (an index address, a local file, or torch)" >&2
    exit 1
fi
