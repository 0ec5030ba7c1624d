"""The text report as a whole: exact for a session made by hand; nothing from a capture reaches the terminal raw."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from analyzer.correlate.session import Conference
from analyzer.correlate.timeline import pack
from analyzer.model import CaptureInfo
from analyzer.report import Report, Tally
from analyzer.report.text_report import write_text
from tests.analyzer.report.hand_made import MS, START, HandMade, dial_in_analysis, hostile

GOLDEN = """\
call.pcapng: pcapng, 60 packets, 2026-01-01 12:00:00.000000 UTC, 40.0 s

1 session
  #  session       verdict    start (UTC)    participants       messages         conf
---  ------------  ---------  -------------  -----------------  ---------------  ------
  1  s-1a2b3c4d5e  ok         2026-01-01     UE 203.0.113.5     5 SIP, 2 H.248,  1
     message       ended      12:00:00.000   MRFP 198.51.100.7  3 TCP, 2 MSRP
                              34.2 s

Conferences
conf    id            conference URI                sessions
------  ------------  ----------------------------  ----------
1       c-0011223344  sip:chat-17@conf.example.net  1

────────────────────────────────────────────────────────────────────────────────────────────────────
Session 1  s-1a2b3c4d5e  message  ok: ended
  time       2026-01-01 12:00:00.000000 UTC, 34.2 s, conference 1
  who        UE 203.0.113.5, MRFP 198.51.100.7
  Call-ID    call-1@203.0.113.5
  SIP        INVITE, status 200, 5 messages, focus sip:chat-17@conf.example.net
  offer      message TCP/MSRP 203.0.113.5:28563, active, msrp://203.0.113.5:28563/abc;tcp
  answer     message TCP/MSRP 198.51.100.7:7394, passive, msrp://198.51.100.7:7394/xyz;tcp
  H.248      context 17 ip/1/mb/33 at 198.51.100.7:2944, controlled by 198.51.100.2:2944
               local 1: message TCP/MSRP 198.51.100.7:7394, passive,
                 msrp://198.51.100.7:7394/xyz;tcp
               remote 1: message TCP/MSRP 203.0.113.5:28563, active,
                 msrp://203.0.113.5:28563/abc;tcp
  TCP        203.0.113.5:28563 > 198.51.100.7:7394: MSRP, closed
  MSRP       session-ids abc and xyz
             1 message in 1 chunk, 5 octets, 1 request, 1 response, 0 reports, 0 errors
  links      h248 context 17 ip/1/mb/33 at 198.51.100.7:2944
               certain: SDP equals local MSRP session-id
             tcp 203.0.113.5:28563 > 198.51.100.7:7394
               certain: both MSRP session-ids of the SDP
  Wireshark  sip.Call-ID == "call-1@203.0.113.5" || (ip.addr == 203.0.113.5 && ip.addr == 198.51.100.7 && tcp.port == \
28563 && tcp.port == 7394) || frame.number in {5..6}

frame  time             UE 203.0.113.5
                        │          P-CSCF/IMS-ALG 198.51.100.1
                        │          │          MRFC 198.51.100.2
                        │          │          │          MRFP 198.51.100.7
  1-2  12:00:00.000000  ├─────────▶│          │          │  SIP    INVITE, SDP offer
  3-4  12:00:00.001500  │          ├─────────▶│          │  SIP    INVITE, SDP offer
    5  12:00:00.003000  │          │          ├─────────▶│  H.248  Add $ C=$ T=101
    6  12:00:00.005000  │          │          │◀─────────┤  H.248  Add ip/1/mb/33 C=17 reply T=101
    7  12:00:00.008000  │          │◀─────────┤          │  SIP    200 OK (INVITE), SDP answer
    8  12:00:00.009000  │◀─────────┤          │          │  SIP    200 OK (INVITE), SDP answer
    9  12:00:00.012000  ├──────────┼──────────┼─────────▶│  TCP    SYN
   10  12:00:00.013000  │◀─────────┼──────────┼──────────┤  TCP    SYN ACK
   11  12:00:00.014000  ├──────────┼──────────┼─────────▶│  TCP    ACK, established
   12  12:00:00.020000  ├──────────┼──────────┼─────────▶│  MSRP   SEND m0 text/plain 5 octets
   13  12:00:00.022000  │◀─────────┼──────────┼──────────┤  MSRP   200 OK
   14  12:00:34.200000  ├─────────▶│          │          │  SIP    BYE

────────────────────────────────────────────────────────────────────────────────────────────────────
Coverage
  packets    60 read, 23 used, 37 not used
  messages   5 SIP, 4 SDP, 2 H.248, 2 MSRP
  streams    1 msrp
  not used   35  udp other
              2  arp
  undecoded  1
               frame 40, SIP, octet 17: no Call-ID
  gaps       1
               203.0.113.5:28563 > 198.51.100.7:7394: 1460 octets missing before frame 44
  unlinked   1 H.248 in no session
               frame 3: h248 AuditValue ROOT

1 session: 1 ok; no findings.
"""


def written(analysis: HandMade, **more: Any) -> str:
    out = BytesIO()
    write_text(Report(analysis, iter(analysis.numbered()), **more), out)
    return out.getvalue().decode()


def test_the_report_of_one_session_is_exactly_this() -> None:
    assert written(dial_in_analysis(1)) == GOLDEN


def test_quiet_is_the_session_list_alone() -> None:
    lines = written(dial_in_analysis(1), verbosity=-1).splitlines()
    assert lines == GOLDEN.splitlines()[3:8]


def test_quiet_does_not_hide_damage() -> None:
    analysis = dial_in_analysis(1)
    analysis.captures[0].damage = "cut in the record at octet 4711"
    lines = written(analysis, verbosity=-1).splitlines()
    assert lines[1] == "  DAMAGED: cut in the record at octet 4711; 60 packets before it read"


def test_verbose_shows_the_whole_chat() -> None:
    assert "more MSRP messages, frames 18-49; -v shows all" in written(dial_in_analysis(20))
    whole = written(dial_in_analysis(20), verbosity=1)
    assert "more MSRP" not in whole
    assert "SEND m11 text/plain" in whole


def test_lists_of_the_coverage_are_cut_unless_asked_for() -> None:
    analysis = dial_in_analysis(1)
    for _ in range(20):
        analysis.coverage.add_undecoded(analysis.coverage.undecoded[0])
    assert "  and 11 more; -v lists more" in written(analysis)
    assert "more; -v" not in written(analysis, verbosity=1)


def test_several_captures_say_how_frames_count() -> None:
    analysis = dial_in_analysis(1)
    analysis.captures.append(CaptureInfo("b c.pcap", "pcap", 2, START, START + MS, None, {"block type 0x99": 3}))
    text = written(analysis)
    assert "b c.pcap: pcap, 2 packets, 2026-01-01 12:00:00.000000 UTC, 1 ms\n  skipped: 3 x block type 0x99\n" in text
    assert "Frame numbers count across the merged captures" in text
    assert "  mergecap -w merged.pcapng call.pcapng 'b c.pcap'\n" in text


def test_a_selection_says_how_many_there_are() -> None:
    analysis = dial_in_analysis(1)
    out = BytesIO()
    write_text(Report(analysis, [(7, analysis.found[0])], selection="7", tally=Tally(120, 1)), out)
    text = out.getvalue().decode()
    assert "1 of 120 sessions (--session 7)\n" in text
    assert "Session 7  s-1a2b3c4d5e" in text


def test_members_of_a_conference_that_are_not_shown_are_counted() -> None:
    analysis = dial_in_analysis(1)
    analysis.conferences = [Conference("c-0011223344", "", [analysis.found[0].id, "s-0000000000"])]
    assert "(by H.248 context)  1, 1 not shown" in written(analysis)


def test_no_sessions() -> None:
    assert written(HandMade([])) == (
        "No sessions.\n\n" + "─" * 100 + "\nCoverage\n  packets    0 read, 0 used, 0 not used\n  messages   none\n"
    )


def test_a_session_without_messages_has_no_ladder() -> None:
    """A TLS connection of which the capture shows neither SYN nor FIN."""
    analysis = dial_in_analysis(1)
    session = analysis.found[0]
    session.signalling, session.participants = pack([]), []
    text = written(analysis)
    assert "frame  time" not in text
    assert "\n\n\n" not in text
    assert "UE 203.0.113.5" in text


def test_identities_are_masked_unless_asked_for() -> None:
    """docs/decisions/0006-identities.md"""
    assert "alice" not in written(dial_in_analysis(1))
    assert "UE 203.0.113.5 (sip:alice@ims.example.net)" in written(dial_in_analysis(1), identities=True)


@pytest.mark.parametrize("more", [{}, {"identities": True, "verbosity": 1}, {"unicode": False}])
def test_nothing_from_a_capture_reaches_the_terminal_raw(more: dict[str, Any]) -> None:
    analysis = HandMade([hostile()], captures=[CaptureInfo("x\x1b[2J\n.pcap", "pcap", 1, START, START, "bad \x07")])
    analysis.coverage.ignored["\x1b[0m"] = 1
    analysis.coverage.unlinked["sip"] = 1
    analysis.coverage.unlinked_list = ["\x9b31m"]
    text = written(analysis, **more)
    assert all(each.isprintable() or each == "\n" for each in text)
    assert "=1+1 \\x1b[31m\\r\\n\\xff\\u202e (MESSAGE)" in text


def test_ascii_for_terminals_that_have_no_more() -> None:
    assert written(dial_in_analysis(20), unicode=False).isascii()


def test_colour() -> None:
    assert "\x1b[" not in written(dial_in_analysis(1))
    assert "\x1b[32mok\x1b[0m" in written(dial_in_analysis(1), colour=True)


@pytest.mark.parametrize("width", [80, 100])
def test_the_report_fits_in_eighty_and_in_a_hundred_columns(width: int) -> None:
    analysis = dial_in_analysis(20)
    analysis.found[0].state = "begun before the capture, open at the end of the capture"
    lines = written(analysis, width=width).splitlines()
    lines = [line for line in lines if "  Wireshark  " not in line and "octets missing" not in line]
    assert max(map(len, lines)) <= width


def test_a_wide_terminal_gets_one_line_a_session() -> None:
    lines = written(dial_in_analysis(1), verbosity=-1, width=180).splitlines()
    assert len(lines) == 3
    assert "UE 203.0.113.5  MRFP 198.51.100.7" in lines[2]
