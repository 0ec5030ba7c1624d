#!/bin/sh
# demo.sh BIN: what `make demo` shows with the mrfscope of BIN: a session that is right, then one that is broken.
set -eu
bin=$1
broken=samples/tcp-dial-in--refused

echo "A session that is right:  mrfscope analyze samples/tcp-dial-in/capture.pcapng"
echo
"$bin/mrfscope" analyze samples/tcp-dial-in/capture.pcapng
echo
echo
echo "A session that is broken: mrfscope analyze $broken/capture.pcapng"
echo
# Captures of broken sessions are not under version control: the lab plays this one.
"$bin/python" -m samples.build tcp-dial-in--refused >/dev/null
status=0
"$bin/mrfscope" analyze "$broken/capture.pcapng" || status=$?
[ "$status" = 1 ] || { echo "expected exit code 1, findings of severity error; got $status" >&2; exit 1; }
