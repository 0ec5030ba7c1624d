"""One stream per m= line (RFC 3264 section 5.1, RFC 5547 section 8): each has its own Local, Remote, path and TCP.

The scenario `two-streams` stands beside this file; a change is written as in samples/README.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_twins import Built, twin

from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.model import Verdict

SCENARIOS = Path(__file__).parent / "scenarios"
FILE_MEDIA = ("connect-file", "file*", "close-file")


def built(changes: str = "") -> Built:
    return twin(SCENARIOS, "two-streams", changes)


def judged(tmp_path: Path, changes: str = "") -> Session:
    return built(changes).judged(tmp_path).only


def told(session: Session) -> list[tuple[str, str]]:
    """Code, and where it was: the message up to the colon, or empty."""
    return [(each.code, each.message.partition(": ")[0]) for each in session.findings]


def replaced(step: str, old: str, new: str) -> str:
    return f"[[change]]\nstep = {step!r}\nreplace = '''{old}'''\nwith = '''{new}'''\n"


def line(session: Session, code: str) -> tuple[tuple[str, str], ...]:
    return tuple(each for each in told(session) if each[0] == code)


FILE_ANSWER_PLAIN = replaced(
    "answer", "a=path:msrp://203.0.113.5:20932/file7e94de3a;tcp\na=msrp-cema\n", "a=path:<<file_mrfp>>\n"
)
OTHER_PATH = "msrp://198.51.100.7:7396/other;tcp"


def test_each_stream_has_its_own_everything(tmp_path: Path) -> None:
    session = judged(tmp_path)
    assert (session.flow, session.verdict, told(session)) == ("tcp-dial-in", Verdict.OK, [])
    assert {each.status for each in session.steps} == {Status.OK, Status.NOT_APPLICABLE}
    # Both connections fulfil the step.
    connects = built().frames("connect-chat", "connect-file")
    assert next(each for each in session.steps if each.id == "TCP-5").frames == connects
    codes = [code for code, each in session.results.items() if each.status is Status.OK]
    assert {"OFFER-1", "OFFER-5", "OFFER-6", "MRFP-2", "MRFP-3", "CONN-1", "CONN-2", "GEN-2"} <= set(codes)


@pytest.mark.parametrize(
    ("changes", "code", "frames"),
    [
        (FILE_ANSWER_PLAIN, "OFFER-6", ("invite", "answer")),
        (
            '[values]\nfile_offer = """\nm=message <<ue.file.port>> TCP/MSRP *\na=setup:active\n'
            'a=accept-types:application/octet-stream\na=path:<<file_ue>>\na=msrp-cema\na=sendonly\n"""\n',
            "TCP-1",
            ("invite",),
        ),
        (replaced("add", "a=path:msrp://198.51.100.7:7396/file355e981f;tcp", f"a=path:{OTHER_PATH}"), "OFFER-1", None),
        (replaced("add", "m=message 7396", "m=message 7394"), "OFFER-3b", None),
        (replaced("answer", "203.0.113.5:20932/file7e94de3a", "203.0.113.5:20932/other"), "OFFER-5", None),
        (replaced("answer", "m=message 20932", "m=message 20940"), "TCP-6", ("add-reply", "answer")),
        (
            replaced("file-bind", "msrp://198.51.100.7:7396/file355e981f", "msrp://198.51.100.7:7396/FILE355E981F"),
            "MRFP-3",
            ("add", "file-bind:0"),
        ),
        ('[values]\nevents = "tcpbcc/BNCChange{ST=1,Type=failed}"\n', "TCP-3", ("add",)),
        ('[values]\nfile_given = ""\n', "MRFP-1", None),
        ('[[change]]\nstep = "connect-file"\nset = { tcp = "ue.file -> mrfp.file" }\n', "TCP-5", ("connect-file:0",)),
    ],
)
def test_what_is_wrong_with_the_second_stream_alone(
    changes: str, code: str, frames: tuple[str, ...] | None, tmp_path: Path
) -> None:
    """The first stream is in order, so a look at it alone would find nothing."""
    session = judged(tmp_path, changes)
    assert line(session, code) == ((code, "m= line 2"),)
    assert session.results[code].is_broken
    assert all(where == "m= line 2" for _, where in told(session))
    if frames is not None:
        (finding,) = (each for each in session.findings if each.code == code)
        assert finding.frames == built(changes).frames(*frames)


def test_what_is_wrong_with_the_first_stream_alone(tmp_path: Path) -> None:
    session = judged(tmp_path, replaced("answer", "203.0.113.5:20930/chat5d64244f", "203.0.113.5:20930/other"))
    assert line(session, "OFFER-5") == (("OFFER-5", "m= line 1"),)


def test_events_and_signals_without_a_stream_are_about_all(tmp_path: Path) -> None:
    """H.248.1 clauses 7.1.9 and 7.1.11."""
    values = '[values]\nevents = "tcpbcc/BNCChange{Type=failed}"\nsignals = "tcpbcc/EstBNC"\n'
    assert told(judged(tmp_path, values)) == []


def test_a_signal_for_the_first_stream_starts_the_first_alone(tmp_path: Path) -> None:
    """TCP-4 of the second needs a signal, or a=setup:active in its own Local."""
    setup = "a=setup:active\na=path:$\n},R{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7396"
    passive = "a=path:$\n},R{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7396"
    values = '[values]\nsignals = "tcpbcc/EstBNC{ST=1}"\n'
    assert told(judged(tmp_path, values)) == []  # package-less: a=setup in Local says it
    assert told(judged(tmp_path, values + replaced("add", setup, passive))) == [("TCP-4", "m= line 2")]


def test_a_call_that_fails_is_told_once(tmp_path: Path) -> None:
    """What is the same for both streams is of the session."""
    changes = (
        '[[change]]\nstep = "answer"\nreplace = "200 OK"\nwith = "500 Server Internal Error"\n'
        '[[change]]\ndrop = ["ack", "connect*", "chat*", "file*", "close*", "bye*"]\n'
    )
    session = judged(tmp_path, changes)
    (finding,) = (each for each in session.findings if each.code == "SIP-5XX")
    assert not finding.message.startswith("m= line")


def test_each_refused_connection_names_its_stream(tmp_path: Path) -> None:
    refused = (
        '[[change]]\nstep = "connect-file"\nset = { do = "refused" }\n[[change]]\ndrop = ["file*", "close-file"]\n'
    )
    session = judged(tmp_path, refused)
    # The chat's own connection is no other try that worked.
    assert [(each.code, each.severity.value, each.message[:11]) for each in session.findings] == [
        ("TCP-F", "error", "m= line 2: "),
        ("TCP-REFUSED", "error", "m= line 2: "),
    ]


# ---------------------------------------------------------------- m= lines that are refused, of other media

REFUSED_LINE = "m=message 0 TCP/MSRP *\n"
FILE_REFUSED = (
    f'[values]\nfile_answer = "{REFUSED_LINE[:-1]}\\n"\nfile_asked = ""\nfile_given = ""\n'
    'events = "tcpbcc/BNCChange{ST=1,Type=failed}"\nsignals = "tcpbcc/EstBNC{ST=1}"\n'
    f"[[change]]\ndrop = {list(FILE_MEDIA)!r}\n"
)


def test_a_refused_line_is_no_stream(tmp_path: Path) -> None:
    """RFC 3264 section 6: port 0 refuses one stream; the other is judged, and needs no number."""
    assert told(judged(tmp_path, FILE_REFUSED)) == []
    wrong = replaced("answer", "203.0.113.5:20930/chat5d64244f", "203.0.113.5:20930/other")
    session = judged(tmp_path, FILE_REFUSED + wrong)
    assert line(session, "OFFER-5") != ()
    assert not any(each.message.startswith("m= line") for each in session.findings)


CHAT_LINE = """m=message 20930 TCP/MSRP *
a=setup:active
a=accept-types:message/cpim text/plain
a=path:msrp://203.0.113.5:20930/chat5d64244f;tcp
a=msrp-cema
"""
CHAT_REFUSED = (
    replaced("answer", CHAT_LINE, REFUSED_LINE) + '[[change]]\ndrop = ["connect-chat", "chat*", "close-chat"]\n'
)


def test_the_second_line_is_judged_where_the_first_is_refused(tmp_path: Path) -> None:
    assert told(judged(tmp_path, CHAT_REFUSED)) == []
    session = judged(tmp_path, CHAT_REFUSED + FILE_ANSWER_PLAIN)
    assert [each.code for each in session.findings] == ["OFFER-6"]


def test_all_lines_refused_is_one_finding(tmp_path: Path) -> None:
    session = judged(tmp_path, FILE_REFUSED + CHAT_REFUSED)
    assert [each.code for each in session.findings if each.code == "SDP-REJECTED"] == ["SDP-REJECTED"]


AUDIO = """[values]
audio_offer = "m=audio 40000 RTP/AVP 0\\n"
audio_answer = "m=audio 30000 RTP/AVP 0\\n"
"""
AUDIO_STREAM = replaced("add", "M{ST=1{", "M{ST=5{L{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}},ST=1{")
AUDIO_MODIFY = """[[step]]
name = "modify"
at = 0.034
h248 = "mrfc -> mrfp"
text = '''
!/2 [192.0.2.10]:2944
T=100011{C=7001{MF=ip/1/1/7001{M{ST=5{R{
v=0
c=IN IP4 198.51.100.7
m=audio 40000 RTP/AVP 0
}}}}}}
'''
"""


@pytest.mark.parametrize("only_chat", [False, True])
def test_lines_of_other_media_do_not_count(only_chat: bool, tmp_path: Path) -> None:
    """An audio line before them, with a stream and a Modify of its own: neither OFFER-1 nor OFFER-2 looks at it."""
    changes = AUDIO + AUDIO_STREAM + AUDIO_MODIFY
    if only_chat:
        changes = AUDIO + FILE_REFUSED.removeprefix("[values]\n") + AUDIO_STREAM + AUDIO_MODIFY
    session = judged(tmp_path, changes)
    assert told(session) == []
    assert session.results["OFFER-1"].status is session.results["OFFER-2"].status is Status.OK


def test_line_numbers_are_those_of_the_sdp(tmp_path: Path) -> None:
    session = judged(tmp_path, AUDIO + FILE_ANSWER_PLAIN)
    assert told(session) == [("OFFER-6", "m= line 3")]


# ---------------------------------------------------------------- how streams and terminations belong together


def test_two_terminations_of_one_context_are_no_border_gateway(tmp_path: Path) -> None:
    """A termination for each stream: both are the MRFP's, since each faces another m= line."""
    two = (
        '[values]\nevents = "tcpbcc/BNCChange{Type=failed}"\nsignals = "tcpbcc/EstBNC"\n'
        + replaced("add", "},ST=2{O{MO=RC}", "}},\nE=1{tcpbcc/BNCChange{Type=failed}}},A=ip/1/2/${M{ST=2{O{MO=RC}")
        + replaced("add-reply", "}},ST=2{L{", "}}}},A=ip/1/2/7002{M{ST=2{L{")
    )
    session = judged(tmp_path, two)
    assert len(session.terminations) == 2
    assert (session.flow, told(session)) == ("tcp-dial-in", [])
    wrong = replaced("add", "a=path:msrp://198.51.100.7:7396/file355e981f;tcp", f"a=path:{OTHER_PATH}")
    assert line(judged(tmp_path, two + wrong), "OFFER-1") == (("OFFER-1", "m= line 2"),)


def test_streams_whose_ids_are_not_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """By session-id, address and port, and not by number."""
    swapped = '[[change]]\nstep = "add"\nreplace = "ST=2{O"\nwith = "ST=9{O"\n' + replaced("add", "M{ST=1{", "M{ST=12{")
    swapped += replaced("add-reply", "M{ST=1{", "M{ST=12{") + replaced("add-reply", ",ST=2{", ",ST=9{")
    values = '[values]\nevents = "tcpbcc/BNCChange{Type=failed}"\nsignals = "tcpbcc/EstBNC"\n'
    assert told(judged(tmp_path, values + swapped)) == []


def test_streams_without_sip_are_those_of_h248(tmp_path: Path) -> None:
    media = built().without(("invite", "answer", "ack", "bye*"))
    session = media.judged(tmp_path).only
    assert told(session) == []
    assert session.results["MRFP-3"].status is Status.OK
    other = replaced("file-bind", "msrp://198.51.100.7:7396/file355e981f", "msrp://198.51.100.7:7396/FILE355E981F")
    session = built(other).without(("invite", "answer", "ack", "bye*")).judged(tmp_path).only
    assert line(session, "MRFP-3") == (("MRFP-3", "H.248 stream 2"),)


SHARED = """[nodes.ue]
role = "UE"
sip = "198.51.100.7:5060"
chat = "198.51.100.7:7394"
file = "198.51.100.7:7394"
[nodes.mrfp]
role = "MRFP"
h248 = "192.0.2.20:2944"
chat = "203.0.113.5:20930"
file = "203.0.113.5:20930"
[[change]]
drop = ["connect-file", "close-file"]
"""


def test_two_streams_on_one_connection(tmp_path: Path) -> None:
    """RFC 4975 section 5.4: to the same place one connection does; session-ids alone tell the streams apart."""
    assert told(judged(tmp_path, SHARED)) == []
    other = replaced("file-bind", "/file355e981f", "/FILE355E981F")
    assert line(judged(tmp_path, SHARED + other), "MRFP-3") == (("MRFP-3", "m= line 2"),)


# ---------------------------------------------------------------- streams that come and go with later offers

CHAT_ALONE = (
    '[values]\nfile_offer = ""\nfile_answer = ""\nfile_asked = ""\nfile_given = ""\n'
    'events = "tcpbcc/BNCChange{ST=1,Type=failed}"\nsignals = "tcpbcc/EstBNC{ST=1}"\n'
    f"[[change]]\ndrop = {list(FILE_MEDIA)!r}\n"
)
CHAT_OFFER = """m=message <<ue.chat.port>> TCP/MSRP *
a=setup:actpass
a=accept-types:message/cpim text/plain
a=path:<<chat_ue>>
a=msrp-cema
"""
CHAT_ANSWER = CHAT_LINE.replace("20930 TCP", "<<mrfp.chat.port>> TCP")
FILE_OFFER = """m=message <<ue.file.port>> TCP/MSRP *
a=setup:actpass
a=accept-types:application/octet-stream
a=path:<<file_ue>>
a=msrp-cema
a=sendonly
"""
FILE_ANSWER = """m=message <<mrfp.file.port>> TCP/MSRP *
a=setup:active
a=accept-types:application/octet-stream
a=path:<<file_mrfp>>
a=msrp-cema
a=recvonly
"""
HEAD = "v=0\no=- 1 2 IN IP4 <<{0}.chat.ip>>\ns=-\nc=IN IP4 <<{0}.chat.ip>>\nt=0 0\n"


def step(name: str, at: float, way: str, text: str, protocol: str = "sip", content: str = "", **keys: str) -> str:
    lines = [f"[[step]]\nname = {name!r}\nat = {at}\n{protocol} = {way!r}"]
    lines += [f"{key} = {value!r}" for key, value in keys.items()]
    lines.append(f"text = '''\n{text}'''")
    return "\n".join([*lines, f"content = '''\n{content}'''" if content else ""]) + "\n"


def offered_again(offer: str, answer: str, at: float = 2.0) -> str:
    """A re-INVITE of the UE, accepted."""
    own = {"branch": "z9hG4bK5", "to_tag": "<<tag>>", "cseq": "5 INVITE"}
    contact = "Contact: <sip:room-1@conf.example.net>;isfocus\n"
    return (
        step(
            "offer-2",
            at,
            "ue -> mrfc",
            "INVITE sip:room-1@conf.example.net SIP/2.0\n<<dialog>><<sdp_headers>>",
            content=HEAD.format("ue") + offer,
            **own,
        )
        + step(
            "answer-2",
            at + 0.02,
            "mrfc -> ue",
            f"SIP/2.0 200 OK\n<<dialog>>{contact}<<sdp_headers>>",
            content=HEAD.format("mrfp") + answer,
            **own,
        )
        + step(
            "ack-2",
            at + 0.03,
            "ue -> mrfc",
            "ACK sip:room-1@conf.example.net SIP/2.0\n<<dialog>>Content-Length: 0\n",
            branch="z9hG4bK6",
            to_tag="<<tag>>",
            cseq="5 ACK",
        )
    )


def added_stream(path: str = "<<file_ue>>") -> str:
    """A Modify that adds stream 2, and its reply with the MRFP's end."""
    asked = (
        "ST=2{O{MO=RC},L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:active\na=path:$\n},R{\nv=0\n"
        f"c=IN IP4 <<ue.file.ip>>\nm=message <<ue.file.port>> TCP/MSRP *\na=setup:passive\na=path:{path}\n}}}}"
    )
    given = (
        "ST=2{L{\nv=0\nc=IN IP4 <<mrfp.file.ip>>\nm=message <<mrfp.file.port>> TCP/MSRP *\n"
        "a=setup:active\na=path:<<file_mrfp>>\n}}"
    )
    more = "E=2{tcpbcc/BNCChange{ST=2,Type=failed}},SG{tcpbcc/EstBNC{ST=2}}"
    return step(
        "modify",
        2.005,
        "mrfc -> mrfp",
        f"!/2 [192.0.2.10]:2944\nT=100012{{C=7001{{MF=ip/1/1/7001{{M{{{asked}}},{more}}}}}}}\n",
        "h248",
    ) + step(
        "modify-reply",
        2.009,
        "mrfp -> mrfc",
        f"!/2 [192.0.2.20]:2944\nP=100012{{C=7001{{MF=ip/1/1/7001{{M{{{given}}}}}}}}}\n",
        "h248",
    )


def file_media() -> str:
    """The connection of the file, and a message on it."""
    return (
        step("connect-2", 2.04, "mrfp.file -> ue.file", "", "tcp", do="connect").replace("text = '''\n'''", "")
        + step(
            "bind-2", 2.05, "mrfp.file -> ue.file", "MSRP filebind2 SEND\n<<file_to_ue>>Message-ID: filebind2\n", "msrp"
        )
        + step("bind-2-ok", 2.06, "ue.file -> mrfp.file", "MSRP filebind2 200 OK\n<<file_to_mrfp>>", "msrp")
    )


BOTH = offered_again(CHAT_OFFER + FILE_OFFER, CHAT_ANSWER + FILE_ANSWER)


def test_a_stream_that_a_later_offer_adds(tmp_path: Path) -> None:
    """The Modify that adds it is its Reserve And Configure; the first exchange says nothing of it."""
    session = judged(tmp_path, CHAT_ALONE + BOTH + added_stream() + file_media())
    assert (session.flow, told(session)) == ("tcp-dial-in", [])
    assert {each.status for each in session.steps} == {Status.OK, Status.NOT_APPLICABLE}
    for code in ("OFFER-1", "OFFER-4", "OFFER-5", "GEN-2", "MRFP-1", "MRFP-3"):
        assert session.results[code].status is Status.OK, code


def test_an_added_stream_where_requests_are_lost(tmp_path: Path) -> None:
    """The reply to the Add is no reply about the stream that was added later."""
    whole = built(CHAT_ALONE + BOTH + added_stream() + file_media())
    session = whole.without(("add", "subtract")).judged(tmp_path).only
    assert told(session) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (added_stream(OTHER_PATH), "OFFER-1"),
        (added_stream().replace("tcpbcc/BNCChange{ST=2,Type=failed}", "tcpbcc/BNCChange{ST=1,Type=failed}"), "TCP-3"),
        (added_stream().replace("m=message $", "m=message 20932"), "OFFER-4"),
    ],
)
def test_what_is_wrong_with_an_added_stream(changes: str, code: str, tmp_path: Path) -> None:
    session = judged(tmp_path, CHAT_ALONE + BOTH + changes)
    assert told(session) == [(code, "m= line 2")]


def test_a_later_offer_that_removes_a_stream(tmp_path: Path) -> None:
    """Port 0 ends the file; what is wrong with the chat in that exchange is told all the same."""
    gone, refused = "m=message 0 TCP/MSRP *\na=path:<<file_ue>>\n", "m=message 0 TCP/MSRP *\n"
    assert told(judged(tmp_path, offered_again(CHAT_OFFER + gone, CHAT_ANSWER + refused))) == []
    wrong = offered_again(CHAT_OFFER + gone, CHAT_ANSWER.replace("a=msrp-cema\n", "") + refused)
    session = judged(tmp_path, wrong)
    frame = built(wrong).frames("offer-2")[0]
    assert [(each.code, each.message.partition(": The")[0]) for each in session.findings] == [
        ("OFFER-6", f"m= line 1: second offer (frame {frame})")
    ]


def test_a_later_offer_that_changes_one_stream(tmp_path: Path) -> None:
    """The file moves and the MRFP is not told; the chat's line only repeats."""
    moved = FILE_OFFER.replace("<<file_ue>>", "msrp://198.51.100.7:7396/moved;tcp")
    session = judged(tmp_path, offered_again(CHAT_OFFER + moved, CHAT_ANSWER + FILE_ANSWER))
    assert [(each.code, each.message[:26]) for each in session.findings] == [("OFFER-1", "m= line 2: second offer (f")]


# ---------------------------------------------------------------- bounds


def test_only_so_many_streams_are_judged(tmp_path: Path) -> None:
    """64 KB of SDP have room for two thousand lines: 16 are judged, and the others named as not judged."""
    offers = "".join(
        f"m=message {8000 + n} TCP/MSRP *\na=path:msrp://198.51.100.7:{8000 + n}/x{n};tcp\n" for n in range(20)
    )
    answers = "".join(
        f"m=message {9000 + n} TCP/MSRP *\na=path:msrp://203.0.113.5:{9000 + n}/y{n};tcp\n" for n in range(20)
    )
    values = (
        f'[values]\nfile_offer = """\n{offers}"""\nfile_answer = """\n{answers}"""\nfile_asked = ""\nfile_given = ""\n'
    )
    media = f"[[change]]\ndrop = {list(FILE_MEDIA)!r}\n"
    session = judged(tmp_path, values + media)
    assert session.state == "ended, 5 MSRP streams not judged"
    assert {each.message.partition(":")[0] for each in session.findings} <= {f"m= line {n}" for n in range(1, 17)}


def test_streams_at_one_place_are_told_by_session_id(tmp_path: Path) -> None:
    """Both at the same addresses and ports, with the ids of the streams in the other order."""
    swapped = '[[change]]\nstep = "add"\nreplace = "ST=2{O"\nwith = "ST=9{O"\n' + replaced("add", "M{ST=1{", "M{ST=12{")
    swapped += replaced("add-reply", "M{ST=1{", "M{ST=12{") + replaced("add-reply", ",ST=2{", ",ST=9{")
    values = '[values]\nevents = "tcpbcc/BNCChange{Type=failed}"\nsignals = "tcpbcc/EstBNC"\n'
    assert told(judged(tmp_path, values + SHARED + swapped)) == []


def test_an_early_answer_of_another_fork_makes_no_stream(tmp_path: Path) -> None:
    """A 183 of one fork takes the file, the 200 of another refuses it: there is the chat alone."""
    early = step(
        "early",
        0.002,
        "mrfc -> ue",
        "SIP/2.0 183 Session Progress\n<<dialog>><<sdp_headers>>",
        content=HEAD.format("mrfp") + CHAT_ANSWER + FILE_ANSWER,
        branch="z9hG4bK1",
        to_tag=";tag=other",
        cseq="1 INVITE",
    )
    session = judged(tmp_path, FILE_REFUSED + early)
    assert told(session) == []
    assert not any("m= line" in each.reason for each in session.results.values())
