"""The ladder: arrows, frame numbers, collapsed chats, widths."""

from __future__ import annotations

import pytest

from analyzer.correlate.nodes import NodeTable
from analyzer.report.ladder import Hidden, Ladder, collapse, frames_text, is_plain
from analyzer.report.paint import ASCII, Paint
from tests.analyzer.report.hand_made import MRFC, MRFP, PROXY, ROLES, UE, dial_in, entry, flow, resaid


def drawn(entries, width: int = 100, **more) -> list[str]:
    everything = more.pop("everything", False)
    return list(Ladder(NodeTable(ROLES), width=width, **more).lines(entries, everything=everything))


def test_ladder_is_drawn_as_expected() -> None:
    assert drawn(dial_in(1).entries()) == [
        "frame  time             UE 203.0.113.5",
        "                        │          P-CSCF/IMS-ALG 198.51.100.1",
        "                        │          │          MRFC 198.51.100.2",
        "                        │          │          │          MRFP 198.51.100.7",
        "  1-2  12:00:00.000000  ├─────────▶│          │          │  SIP    INVITE, SDP offer",
        "  3-4  12:00:00.001500  │          ├─────────▶│          │  SIP    INVITE, SDP offer",
        "    5  12:00:00.003000  │          │          ├─────────▶│  H.248  Add $ C=$ T=101",
        "    6  12:00:00.005000  │          │          │◀─────────┤  H.248  Add ip/1/mb/33 C=17 reply T=101",
        "    7  12:00:00.008000  │          │◀─────────┤          │  SIP    200 OK (INVITE), SDP answer",
        "    8  12:00:00.009000  │◀─────────┤          │          │  SIP    200 OK (INVITE), SDP answer",
        "    9  12:00:00.012000  ├──────────┼──────────┼─────────▶│  TCP    SYN",
        "   10  12:00:00.013000  │◀─────────┼──────────┼──────────┤  TCP    SYN ACK",
        "   11  12:00:00.014000  ├──────────┼──────────┼─────────▶│  TCP    ACK, established",
        "   12  12:00:00.020000  ├──────────┼──────────┼─────────▶│  MSRP   SEND m0 text/plain 5 octets",
        "   13  12:00:00.022000  │◀─────────┼──────────┼──────────┤  MSRP   200 OK",
        "   14  12:00:34.200000  ├─────────▶│          │          │  SIP    BYE",
    ]


def test_long_chat_is_taken_together_and_shown_when_asked() -> None:
    entries = dial_in(20).entries()
    (line,) = [each for each in drawn(entries) if "more MSRP" in each]
    assert line.endswith("│  … 32 more MSRP messages, frames 18-49; -v shows all")
    assert len([each for each in drawn(entries) if " MSRP   " in each]) == 8
    assert len([each for each in drawn(entries, everything=True) if " MSRP   " in each]) == 40


def test_trouble_in_a_chat_is_never_hidden() -> None:
    """Anything but 200 is trouble (RFC 4975 section 7.2)."""
    entries = dial_in(20).entries()
    entries[25] = resaid(entries[25], "413 Stop")
    shown = list(collapse(entries))
    assert entries[25] in shown
    assert [len(each.entries) for each in shown if isinstance(each, Hidden)] == [10, 21]


@pytest.mark.parametrize(
    ("summary", "plain"),
    [
        ("SEND 12 text/plain 5 octets", True),
        ("200 OK", True),
        ("REPORT 12 000 200 OK", True),
        ("REPORT 12 000 408", False),
        ("481 no such session", False),
        ("NICKNAME", False),
    ],
)
def test_plain_lines(summary: str, plain: bool) -> None:
    assert is_plain(summary) is plain


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ((7,), "7"),
        ((7, 8, 9), "7-9"),
        ((9, 7, 8), "7-9"),
        ((7, 9), "7,9"),
        (tuple(range(100000, 100020, 2)), "100000…100018"),
        ((), "-"),
    ],
)
def test_frames_text(frames: tuple[int, ...], text: str) -> None:
    assert frames_text(frames) == text


@pytest.mark.parametrize("nodes", [2, 3, 4, 5, 6])
def test_two_to_six_nodes_fit_in_a_hundred_columns(nodes: int) -> None:
    ends = [f"198.51.100.{100 + number}:5060" for number in range(nodes)]
    summary = "SEND 4f6a2b8c9d1e text/plain octets 1-2048/*"
    entries = [entry(n, n + 1, "sip", flow(ends[n % nodes], ends[(n + 1) % nodes]), summary) for n in range(nodes + 2)]
    lines = drawn(entries)
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if "12:00:00" in line]
    assert len(rows) == nodes + 2
    assert all(line.count("▶") + line.count("◀") == 1 for line in rows)


def test_a_wide_terminal_is_used() -> None:
    assert max(map(len, drawn(dial_in(1).entries(), 160))) > max(map(len, drawn(dial_in(1).entries(), 100)))


def test_more_nodes_than_the_width_holds_become_a_list() -> None:
    entries = [entry(n, n + 1, "sip", flow("192.0.2.1:5060", f"192.0.2.{n + 2}:5060"), "OPTIONS") for n in range(20)]
    lines = drawn(entries)
    assert len(lines) == 21
    assert lines[1] == "    1  12:00:00.000000  192.0.2.1:5060 > 192.0.2.2:5060  SIP    OPTIONS"


def test_a_host_that_talks_to_itself_has_a_column_for_each_port() -> None:
    lines = drawn([entry(0, 1, "msrp", flow("127.0.0.1:40000", "127.0.0.1:2855", 6), "SEND 1")])
    assert lines[0].endswith("127.0.0.1:40000")
    assert lines[1].endswith("│              127.0.0.1:2855")
    assert "├─────────────▶│" in lines[2]


def test_ends_that_are_the_same_are_a_dot() -> None:
    (_, line) = drawn([entry(0, 1, "sip", flow("127.0.0.1:5060", "127.0.0.1:5060"), "OPTIONS")])
    assert line == "    1  12:00:00.000000  ●  SIP    OPTIONS"


def test_ipv6_and_ascii() -> None:
    way = flow("[2001:db8::1]:5060", "[2001:db8::2]:5060")
    assert drawn([entry(0, 1, "sip", way, "INVITE")], glyphs=ASCII) == [
        "frame  time             2001:db8::1",
        "                        |              2001:db8::2",
        "    1  12:00:00.000000  |------------->|  SIP    INVITE",
    ]


def test_a_new_day_is_said() -> None:
    day_ms = 24 * 3600 * 1000
    way = flow(f"{UE}:5060", f"{PROXY}:5060")
    lines = drawn([entry(0, 1, "sip", way, "INVITE"), entry(day_ms, 2, "sip", way, "BYE")])
    assert lines[3].endswith("│              │  2026-01-02 UTC")


def test_long_summaries_wrap_with_lifelines() -> None:
    way = flow(f"{MRFC}:2944", f"{MRFP}:2944")
    lines = drawn([entry(0, 1, "h248", way, " ".join(["Modify ip/1/mb/33 C=17;"] * 6))])
    assert len(lines) > 3
    assert all(line[24:35] == "│         │" for line in lines[3:])
    assert max(map(len, lines)) <= 100


def test_colour_only_when_asked() -> None:
    plain = drawn(dial_in(1).entries())
    painted = drawn(dial_in(1).entries(), paint=Paint(True))
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[36mSIP  \x1b[0m" in line for line in painted)
