"""What we encode means the same to Erlang's megaco: the 83 messages in both text forms, and the 57 it has in BER.

The other 26, of the RFC 3525 appendix, name terminations like A4444, which have no binary form, there as here.

Values go to it without the types of the package table: OTP's megaco leaves the octets of a value as they are, so that
an enumeration would come out as a number that it cannot name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dissectors.h248 import decode_h248, encode_h248_text
from dissectors.h248.binary import encode_h248_binary
from dissectors.h248.package_data import PACKAGE_DATA
from dissectors.h248.package_table import PackageTable

HERE = Path(__file__).resolve().parent
MESSAGES = HERE.parents[2] / "shared" / "captures" / "h248-messages"
SUFFIXES = {"compact": "compact.txt", "pretty": "pretty.txt", "ber": "ber"}
STEMS = sorted(path.name.partition(".")[0] for path in MESSAGES.glob("*.compact.txt"))
OWN = {
    "topology": "!/3 [192.0.2.1]:2944\nT=7{C=${TP{t1,t2,BW,t1,t3,IS,ST=2},PR=3,EG,A=t1,A=t2{M{ST=1{O{MO=SR}}}}}}",
    "audit-items": "!/3 mg1\nT=8{C=1{AV=t1{AT{M{ST=1{O{MO}}},E=5{al/of},SA{nt/os},PG{al-1},DM=dialplan00}}}}",
    "segments": "!/3 mg1\nP=9/2/&{C=1{A=t1}}",
    "segment-reply": "!/3 mg1\nSM=9/2/&",
    "acknowledgement": "!/2 <mgc.example.net>:2944\nK{1,5-9}P=3{IA,C=-{SC=ROOT{SV{V=2}}}}PN=4{}",
    "signals": (
        "!/3 mg1\nT=1{C=1{MF=t1{SG{SL=4{cg/rt{SY=TO,DR=50,NC={TO,IBE}},cg/bt},cg/dt{ST=1,KA,SPADI=EX,SPARQ=5}}}}}"
    ),
    "embedded": "!/3 mg1\nT=1{C=1{MF=t1{E=5{al/of{EM{SG{cg/dt},E=6{al/on}}},dd/ce{KA,DM=d1},al/fl{NBIN}}}}}",
    "values": (
        '!/3 mg1\nT=1{C=1{MF=t1{M{ST=1{O{nt/jit>4,a/b=[1,2],a/c={x,y},a/d=[1:9],a/e="q r",a/f#3}},TS{SI=IV,BF=SP}}}}}'
    ),
    "lists": "!/3 mg1\nT=1{C=1{O-W-MF=[t1,t2]{SG},W-S=*{AT{}}}}",
    "errors": '!/2 mg1\nP=1{C=1{MF=t1{ER=449{"a=path"}},ER=422{}}}P=2{ER=403{"syntax"}}',
    "service-change": (
        '!/2 mg1\nT=1{C=-{SC=ROOT{SV{MT=HO,RE="903 MGC directed",DL=4,MG=[192.0.2.3]:2944,V=2,20260101T12000000}}}}'
    ),
}
"""Messages of version 2 and 3 that the 83 lack."""
CASES = [(stem, form) for stem in STEMS for form in SUFFIXES if (MESSAGES / f"{stem}.{SUFFIXES[form]}").exists()]

pytestmark = pytest.mark.interop


def _megaco_missing() -> str:
    if not STEMS:
        return "the shared H.248 messages are not here"
    if shutil.which("erl") is None or shutil.which("escript") is None:
        return "Erlang is not installed"
    found = subprocess.run(
        ["erl", "-noshell", "-eval", 'io:format("~p", [code:which(megaco)]), halt().'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if "megaco" in found.stdout else "Erlang's megaco is not installed"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """One Erlang process judges all pairs: its own encoding of a message, and ours of what we read there."""
    missing = _megaco_missing()
    if missing:
        if os.environ.get("CI") and STEMS:
            pytest.fail(missing)
        pytest.skip(missing)
    untyped = PackageTable("\n".join(" ".join(line.split()[:3]) for line in PACKAGE_DATA.splitlines()))
    folder = tmp_path_factory.mktemp("megaco")
    lines = []
    for stem, form in CASES:
        theirs = MESSAGES / f"{stem}.{SUFFIXES[form]}"
        message = decode_h248(theirs.read_bytes())
        other = decode_h248((MESSAGES / f"{stem}.{SUFFIXES['compact']}").read_bytes())
        for source, kind in ((message, "own"), (other, "cross")):
            ours = folder / f"{stem}.{form}.{kind}"
            if form == "ber":
                ours.write_bytes(encode_h248_binary(source, untyped))
            else:
                ours.write_bytes(encode_h248_text(source, pretty=form == "pretty"))
            lines.append(f"{stem}/{kind} {form} {theirs} {ours}\n")
    for name, text in OWN.items():
        original = folder / f"{name}.original"
        original.write_bytes(text.encode())
        for pretty in (False, True):
            ours = folder / f"{name}.{pretty}"
            ours.write_bytes(encode_h248_text(decode_h248(text.encode()), pretty))
            lines.append(f"{name} {'pretty' if pretty else 'compact'} {original} {ours}\n")
    judged = subprocess.run(
        ["escript", str(HERE / "megaco_compare.escript")],
        input="".join(lines),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found = {}
    for line in judged.stdout.splitlines():
        name, form, verdict = line.split(" ", 2)
        found[name, form] = verdict
    assert len(found) == len(lines)
    return found


def test_has_all_messages() -> None:
    if not STEMS:
        pytest.skip("the shared H.248 messages are not here")
    assert (len(STEMS), len(CASES)) == (83, 83 + 83 + 57)


@pytest.mark.parametrize(("stem", "form"), CASES)
def test_means_the_same_to_megaco(verdicts: dict[tuple[str, str], str], stem: str, form: str) -> None:
    """`own`: decoded from that form; `cross`: decoded from compact text, encoded in that form."""
    assert verdicts[f"{stem}/own", form] == "same"
    assert verdicts[f"{stem}/cross", form] == "same"


@pytest.mark.parametrize("form", ["compact", "pretty"])
@pytest.mark.parametrize("name", OWN)
def test_later_versions_mean_the_same_to_megaco(verdicts: dict[tuple[str, str], str], name: str, form: str) -> None:
    assert verdicts[name, form] == "same"
