#!/bin/sh
# The independent programs that the interop tests compare with. Where they are not to be had the tests that need them
# skip and say why; in CI (CI set) they fail instead.
set -eu
missing=
command -v tshark >/dev/null || missing="$missing tshark"
command -v capinfos >/dev/null || missing="$missing wireshark-common"
command -v erl >/dev/null || missing="$missing erlang-base"
ls /usr/lib/erlang/lib/megaco-* >/dev/null 2>&1 || missing="$missing erlang-megaco"
command -v openssl >/dev/null || missing="$missing openssl"
command -v gnutls-cli >/dev/null || missing="$missing gnutls-bin"
command -v sipp >/dev/null || missing="$missing sip-tester"
command -v node >/dev/null || missing="$missing nodejs npm"
command -v tcpdump >/dev/null || missing="$missing tcpdump"
command -v ip >/dev/null || missing="$missing iproute2"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (tests that need them will skip)" >&2
    exit 0
fi
"$(dirname "$0")/quietly" "Installing Debian packages that tests compare with:$missing ..." sh -c '
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"' sh $missing || {
    [ -z "${CI:-}" ] || exit 1
    echo "not installed:$missing (tests that need them will skip)" >&2
}
