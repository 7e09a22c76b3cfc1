#!/usr/bin/env bash
# Makes sure the servers that tests and benchmarks start for themselves are installed: PostgreSQL, Redis, Asterisk, SIPp
# and ffmpeg.
#
# Tests run their own copies in temporary folders on free loopback ports; no system service is started or touched.
set -euo pipefail
cd "$(dirname "$0")"

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
have_redis() { command -v redis-server >/dev/null; }
have_sipp() { command -v sipp >/dev/null; }
have_ffmpeg() { command -v ffmpeg >/dev/null; }

missing=()
have_postgres || missing+=(postgresql)
have_redis || missing+=(redis-server)
have_sipp || missing+=(sip-tester)
have_ffmpeg || missing+=(ffmpeg)
# Asterisk itself is not in Debian 12: mmdebstrap unpacks it from a newer release.
[ -x "${HOTLINE_ASTERISK:-${XDG_CACHE_HOME:-$HOME/.cache}/hotline/asterisk-22}/usr/sbin/asterisk" ] ||
    command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)

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

have_postgres && have_redis && have_sipp && have_ffmpeg || { echo "peers: ${missing[*]} still cannot be found after the installation" >&2; exit 1; }
./asterisk.sh
postgres="$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -1 || true)"
"${postgres:-postgres}" --version
redis-server --version
sipp -v 2>/dev/null | grep -m1 SIPp || true
