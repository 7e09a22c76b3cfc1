#!/usr/bin/env bash
# Makes sure the servers that tests and benchmarks start for themselves are installed: PostgreSQL and Redis.
#
# Tests run their own copies in temporary folders on free loopback ports; no system service is started or touched.
set -euo pipefail

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
have_redis() { command -v redis-server >/dev/null; }

missing=()
have_postgres || missing+=(postgresql)
have_redis || missing+=(redis-server)

if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "peers: not installed: ${missing[*]}. The failure and integration tests need them." >&2
        echo "       Cure, as root: apt-get install ${missing[*]}   (or your system's packages of the same name)" >&2
        exit 1
    fi
    echo "peers: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # RUNLEVEL=1 keeps the packages from starting their services.
    RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

have_postgres && have_redis || { echo "peers: ${missing[*]} still cannot be found after the installation" >&2; exit 1; }
postgres="$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -1 || true)"
"${postgres:-postgres}" --version
redis-server --version
