#!/usr/bin/env bash
# Makes the virtual environment with a Python of 3.11 or newer, or says in one line what is missing and the cure.
#   tools/venv.sh .venv          PYTHON=/path/to/python3 picks the interpreter
set -euo pipefail
target="$1"

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

chosen=""
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if fits "$candidate"; then
        chosen="$candidate"
        break
    fi
done
if [ -z "$chosen" ]; then
    found="$("${PYTHON:-python3}" --version 2>&1 || true)"
    echo "setup: Python 3.11 or newer is needed, found: ${found:-none}." >&2
    echo "       Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv." \
         "Elsewhere: make setup PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$chosen" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "setup: $("$chosen" --version) has no venv module; cure: apt-get install python3-venv" >&2
    exit 1
fi

echo "$("$chosen" --version) from $(command -v "$chosen")"
"$chosen" -m venv "$target"
