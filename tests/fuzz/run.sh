#!/bin/sh
# Damaged programs through every verb that reads one: ./dev fuzz [--seconds N] [--seed N]; fuzz.py tells more.
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/fuzz/fuzz.py --program build/asan/deferscope "$@"
