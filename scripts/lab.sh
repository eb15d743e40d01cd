#!/bin/bash
# The NAT-traversal story in network namespaces. Needs root; TORII_BIN names the folder of the programs.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "make lab needs root: it builds network namespaces" >&2; exit 1; }
    exec sudo --preserve-env=TORII_BIN "$0" "$@"
fi
exec Tests/SystemTests/Lab/story.sh "$@"
