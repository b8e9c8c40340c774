#!/usr/bin/env bash
# Garner against providers that never stand still, for an hour, killed every minute of the first 40:
# tests/soak/soak.py says what must be so at its end. Builds the release preset if need be.
#
#   tests/soak.sh                                  an hour, 1,000 accounts of 20 collections
#   tests/soak.sh --minutes 3 --accounts 20 …      all options: tests/soak.sh --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash deploy/setup.sh >&2
bash deploy/venv.sh >&2
if [ -z "${GARNER_BIN:-}" ]; then
    cmake --preset release --log-level=NOTICE >&2
    cmake --build --preset release -- --quiet >&2
fi
# Its own servers are on the loopback; a proxy for the world outside has no part in that.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY GARNER_AT
exec tests/python.sh -B tests/soak/soak.py "$@"
