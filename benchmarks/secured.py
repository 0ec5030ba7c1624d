"""What opening TLS costs: `python -m benchmarks.secured [--sessions N] [--rounds N]`.

Sessions of the sample e2e-dial-out, each with keys of its own and twenty messages, are analysed twice in turns: secured
with a keys file, and the same sessions with their MSRP in plain TCP, as `mrfscope decrypt --plain` writes them.
Captures are made on first use and kept in benchmarks/data/.

Exit codes: 0 done, 1 a command fails or a session is not opened.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import CommandFailedError, Cost, adopt_orphans, cost, warm
from benchmarks.run import DATA
from samples import build, pcapng
from samples.builder import Packet

SAMPLE = build.DRAWN / "e2e-dial-out"
APART = 20_000_000
"ns from the begin of one session to that of the next."
MESSAGES = 20
LIMIT = 2.0
"How many times the analysis in plain the secured one may take at most beside it: opening adds no more than that."
TPK = "6d72 6663 2773 2074 6963 6b65 7420 6b65 79"
"The ticket key that the MRFC shares with the KMS (mode 3): it leads to another PSK in each session."


def described(number: int, messages: int = 4) -> str:
    """The sample's description with other ends, ids and keys, the same PSK identity in all, and so many SENDs."""
    text = (SAMPLE / "scenario.toml").read_text(encoding="utf-8")
    address = f"10.20.{number // 250}.{1 + number % 250}"
    for old, new in (
        ("198.51.100.9:", f"{address}:"),
        ("28573", str(10_000 + number)),
        ("5ab10c7e2e0024e3f9f0b2f8c3b5d6a1", f"{number:032x}"),
        ("628200mrfc", f"mrfc{number}"),
        ("9fxcede2e1", f"ue{number}"),
        ("z9hG4bKe2eo1", f"z9hG4bKe2eo1{number}x"),
        ("kjhd37e2e20w2a", f"kjhd37e2e20w2a{number:04}"),
        ("t2c81hE2E5n0pYq6K", f"t2c81hE2E5n0pYq6K{number:04}"),
        ("ip/1/mb/43", f"ip/1/mb/{100 + number}"),
        ("5678dc1234b0e7fe2e", f"icid{number}"),
        ("3e6b1b0bd4a14c1e8f1c5b3a5a0e8e2e", f"{number + 1:032x}"),
        ("c0a7ef10be2344b8b1ee6c62a9c11e2e", f"{number + 100_001:032x}"),
        ("0x5b20d1e4", f"0x5b20{number:04x}"),
        ('psk_identity = "5b20d1e4"', 'psk_identity = "the same for all"'),
        ("74676b30 b0b1b2b3", f"74676b30 {number:08x}"),
        (
            "extended_master_secret = false",
            f'extended_master_secret = false\nclient_random = "{number + 1:064x}"\n'
            f'server_random = "{number + 1_000_001:064x}"',
        ),
    ):
        if old not in text:
            raise ValueError(f"the sample has changed: {old!r} is not in it")
        text = text.replace(old, new)
    text = re.sub(r'"530([0-9])"', lambda found: f'"{70_000 + 10 * number + int(found[1])}"', text)
    chat, marker, leave = text.partition('[[step]]\nname = "bye"')
    return chat + "".join(_more(each) for each in range(messages - 4)) + marker + leave


def _more(number: int) -> str:
    """One more message, from either side in turn, and the response to it."""
    there, back = ("ue", "mrfp") if number % 2 else ("mrfp", "ue")
    ends = {"ue": "ue_b", "mrfp": "mrfp"}
    other = {"ue": "mrfp", "mrfp": "ue"}
    at = 14.2 + number * 0.3
    return f"""[[step]]
name = "more-{number}"
at = {at:.3f}
msrp = "{ends[there]} -> {ends[back]}"
use = "send_to_{other[there]}"
tid = "morechat{number:04}"
message_id = "{there}morechat{number:04}"
content = \"\"\"
<<cpim_bob>>DateTime: 2026-01-15T13:00:15Z

Content-Type: text/plain; charset=utf-8

Line {number} of a longer talk.
\"\"\"

[[step]]
name = "more-{number}-ok"
at = {at + 0.020:.3f}
msrp = "{ends[back]} -> {ends[there]}"
answers = "more-{number}"
use = "ok_to_{there}"

"""


def make(sessions: int, folder: Path) -> tuple[Path, Path]:
    """The secured capture and its keys file, made on first use."""
    capture, keys = folder / f"secured-{sessions}.pcapng", folder / f"secured-{sessions}.keys.toml"
    if not capture.exists() or not keys.exists():
        folder.mkdir(parents=True, exist_ok=True)
        packets: list[Packet] = []
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "session" / "scenario.toml"
            path.parent.mkdir()
            for number in range(sessions):
                path.write_text(described(number, MESSAGES), encoding="utf-8")
                for packet in build.packets(path)[1]:
                    packet.time += number * APART
                    packets.append(packet)
        packets.sort(key=_time)
        capture.write_bytes(pcapng.encode(packets, "mrf0"))
        keys.write_text(f"[[tpk]]\nkey = '{TPK}'\n")
        keys.chmod(0o600)
    return capture, keys


def _time(packet: Packet) -> int:
    return packet.time


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.secured", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="where the captures are kept")
    options = parser.parse_args()
    adopt_orphans()
    program = str(Path(sys.executable).with_name("mrfscope"))
    try:
        capture, keys = make(options.sessions, options.data)
        plain = options.data / f"secured-{options.sessions}.plain.pcapng"
        if not plain.exists():
            command = [program, "decrypt", str(capture), "-k", str(keys), "--plain", str(plain), "-q"]
            cost(command, plain.with_suffix(".log"))
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "out.json"
            secured: list[Cost] = []
            open_: list[Cost] = []
            for path in (capture, plain):
                warm(path)
            for _ in range(options.rounds):
                analyze = [program, "analyze", "-f", "json", "-q", "--fail-on", "never"]
                secured.append(cost([*analyze, str(capture), "-k", str(keys), "--require-decrypt"], out))
                open_.append(cost([*analyze, str(plain)], out))
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 1
    for name, costs in (("secured", secured), ("in plain", open_)):
        wall, cpu = (statistics.median(getattr(each, what) for each in costs) for what in ("wall", "cpu"))
        memory = max(each.largest for each in costs) / 1e6
        print(f"{name:9} {wall:6.2f} s wall, {cpu:6.2f} s CPU, largest process {memory:.0f} MB")
    added = statistics.median(one.cpu / other.cpu for one, other in zip(secured, open_, strict=True)) - 1
    verdict = "met" if added <= LIMIT else "MISSED"
    print(
        f"opening {options.sessions} sessions adds {added:.2f} of the CPU time in plain; at most {LIMIT:.0f}: {verdict}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
