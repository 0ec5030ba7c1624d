#!/bin/sh
# make-venv.sh PYTHON DIRECTORY: a virtual environment, also on a Debian whose Python came without the venv module.
set -eu
python=$1
venv=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "mrfscope needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Try: make PYTHON=python3.11" >&2
    exit 1
}
"$python" -m venv "$venv" 2>/dev/null && exit 0
rm -rf "$venv"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    exec "$python" -m venv "$venv"
fi
echo "this Python has no venv module; install it first: sudo apt-get install python3-venv" >&2
exit 1
