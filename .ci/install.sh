#!/bin/sh
# install.sh BIN WHAT STAMP: installs the checkout (`.`, or `.[dev]`) in the environment of BIN, unless STAMP, the
# pyproject.toml of the last time, says that nothing changed: then no network is needed.
set -eu
here=$(dirname "$0")
bin=$1 what=$2 stamp=$3
if ! cmp -s pyproject.toml "$stamp"; then
    "$here/quietly" "Installing what $what needs (once) ..." "$bin/python" -m pip install --no-input --no-compile \
        --disable-pip-version-check --config-settings editable_mode=compat --editable "$what"
fi
# Rather than by pip: on two processors, and without the 100 protocols of pycrate that nobody asks for, half of the time.
# Not at all would cost each start where writing bytecode is off. Others' files that are for another Python are no error.
"$bin/python" -W ignore -m compileall -qq -j 2 -x 'pycrate_asn1dir/(?!H248)|/pip/|/setuptools/' \
    "$bin"/../lib/python3*/site-packages dissectors analyzer replay || true
cp pyproject.toml "$stamp"
