#!/usr/bin/env bash
# Puts a real Asterisk 22 into a folder of this user's cache, for tests on loopback; does nothing when it is there.
#
# Debian 12 has no Asterisk, testing has. Its packages are only unpacked (no service, no user, nothing of the system
# changes), from the mirror that this machine's apt uses; tests run it with its own loader and libraries.
# HOTLINE_ASTERISK names another folder. Needs root, mmdebstrap and about 250 MB.
set -euo pipefail

root="${HOTLINE_ASTERISK:-${XDG_CACHE_HOME:-$HOME/.cache}/hotline/asterisk-22}"
fail() { printf 'asterisk: %s\n' "$@" >&2; exit 1; }

if [ -x "$root/usr/sbin/asterisk" ]; then
    echo "Asterisk in $root"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "not in $root, and only root can unpack it." \
    "Cure: run tools/peers.sh as root, or set HOTLINE_ASTERISK to a folder that holds Asterisk 22"
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing. Cure: apt-get install mmdebstrap"

# The mirror of this machine's own release, whatever that is.
mirror="$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' \
    | awk '$2 !~ /-(security|updates|backports)/ && $1 !~ /security/ { print $1; exit }')"
[ -n "$mirror" ] || fail "apt names no Debian mirror on this machine. Cure: add one to /etc/apt/sources.list.d"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || fail "$keyring is missing. Cure: apt-get install debian-archive-keyring"

mkdir -p "$(dirname "$root")"
new="$(mktemp -d "$root.XXXXXX")"
settings="$(mktemp)"
trap 'rm -rf --one-file-system "$new" "$settings"' EXIT
# This machine's ways to its mirror (proxy, certificates); a mirror that is a snapshot has an old date.
apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' >"$settings" || true
cat >>"$settings" <<'SETTINGS'
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
APT::Install-Recommends "false";
SETTINGS

for suite in testing sid; do
    echo "asterisk: unpacking it from Debian $suite into $root (half a minute, 250 MB)"
    rm -rf --one-file-system "$new"
    if mmdebstrap --quiet --mode=root --variant=extract --include=asterisk,asterisk-modules --keyring="$keyring" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt="$settings" "$suite" "$new" "$mirror" &&
        [ -x "$new/usr/sbin/asterisk" ]; then
        chmod 755 "$new"
        rm -rf --one-file-system "$root"
        mv "$new" "$root"
        echo "Asterisk in $root"
        exit 0
    fi
done
fail "Debian testing and sid did not give it (see above)." \
    "Cure: let this machine's apt reach a Debian mirror that has testing or sid, or set HOTLINE_ASTERISK"
