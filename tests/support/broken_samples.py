"""Captures of broken sessions, made from the samples by a change or two (samples/README.md)."""

from __future__ import annotations

from pathlib import Path

from samples import build

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "drawn"

NO_CEMA = '[[change]]\nstep = "answer"\nreplace = "a=msrp-cema\\n"\nwith = ""\n'
"OFFER-6 is broken: the answer lacks what the offer has."
NO_EVENT = '[[change]]\nstep = "add"\nreplace = "tcpbcc/BNCChange{ST=1,Type=failed},"\nwith = ""\n'
"TCP-3 is broken: the Add asks for no notification."
NO_STATISTICS = (
    '[[change]]\nstep = "subtract-reply"\n'
    'replace = "msrpstat/mr=3,msrpstat/or=5257,msrpstat/ms=2,msrpstat/os=356"\nwith = "nt/dur=40000"\n'
)
"GEN-3 is broken, which is only information."


def broken(folder: Path, *changes: str, base: str = "tcp-dial-in", name: str = "broken") -> Path:
    """The capture of a sample with these changes, written into `folder`."""
    target = folder / name
    target.mkdir()
    origin = folder / base
    if not origin.exists():
        origin.mkdir()
        (origin / "scenario.toml").write_bytes((SAMPLES / base / "scenario.toml").read_bytes())
    description = target / "scenario.toml"
    description.write_text(f'base = "{base}"\n' + "".join(changes), encoding="utf-8")
    capture = target / "capture.pcapng"
    capture.write_bytes(build.capture(description))
    return capture
