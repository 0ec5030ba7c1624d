#!/bin/sh
# new-user.sh [TESTS]: the README's two commands, the second with these tests or all. `make demo` may print its own
# words and nothing else.
set -eu
words=$(mktemp)
trap 'rm -f "$words"' EXIT
began=$(date +%s)
make --no-print-directory demo 2>"$words" || { cat "$words" >&2; exit 1; }
echo "make demo: $(($(date +%s) - began)) s, with set-up"
cat "$words"
if grep -v '^\(Installing\|Making\) .* \.\.\.$\|^Installing what \. needs (once) \.\.\.$' "$words"; then
    echo "make demo printed more than its own words" >&2
    exit 1
fi
# What is set up stays so, and needs no network.
if [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
    touch pyproject.toml
    unshare --net make --no-print-directory demo >/dev/null
fi
make --no-print-directory test TESTS="$*"
