#!/bin/sh
# make-venv.sh PYTHON DIRECTORY: a virtual environment, also on a Debian whose Python came without the venv module.
set -eu
here=$(dirname "$0")
python=$1
venv=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "mrfscope needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Try: make PYTHON=python3.11" >&2
    exit 1
}
# Debian's venv module is there without python3-venv, ends in advice, and leaves half an environment.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "this Python has no venv module; install it first: sudo apt-get install python3-venv" >&2
        exit 1
    fi
    "$here/quietly" "Installing Debian's python3-venv ..." \
        sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv'
fi
rm -rf "$venv"
"$here/quietly" "Making the virtual environment $venv ..." "$python" -m venv "$venv"
