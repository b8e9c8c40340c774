#!/bin/sh
# The Python of the tests' virtual environment. Without it a test fails, and says what makes it.
python=$(dirname "$0")/../build/venv/bin/python
[ -x "$python" ] || { echo "tests: build/venv is missing: run deploy/venv.sh" >&2; exit 1; }
exec "$python" "$@"
