"""Reports: what was found, for people and for programs. One file a format, one line in `FORMATS`."""
