"""Messages in a conference: distribution, chunks, private messages, nicknames, reports (RFC 4975, RFC 7701)."""

from __future__ import annotations

import pytest
from mrfp_script import Participant, Script

from dissectors.msrp import ByteRange, MsrpMessage
from replay.events import Close, Ended, Note
from replay.mrfp import Limits

ROOM = "sip:chat@conf.example.net"


def three(**options: object) -> tuple[Script, Participant, Participant, Participant]:
    script = Script(**options)  # type: ignore[arg-type]
    one = script.join(name="ann")
    two = script.join(one.added.context, "bob")
    return script, one, two, script.join(one.added.context, "cid")


def requests(participant: Participant, method: str = "SEND") -> list[MsrpMessage]:
    return [each for each in participant.take() if each.method == method]


def know(*participants: Participant) -> None:
    """Let each be known by a first message to all."""
    for number, each in enumerate(participants):
        each.say("hello", message_id=f"know{number}")
    for each in participants:
        each.take()


# ---------------------------------------------------------------------- to all


def test_a_message_goes_to_all_others_with_new_ids() -> None:
    _, ann, bob, cid = three()
    ann.say("Guten Tag", message_id="original")
    assert ann.status() == 200
    (to_bob,), (to_cid,) = bob.take(), cid.take()
    for got, who in ((to_bob, bob), (to_cid, cid)):
        assert got.method == "SEND"
        assert got.to_path == who.path  # row MRFP-3
        assert got.from_path == who.added.path
        assert got.body == ann.wrapped("Guten Tag").encode()
        assert got.content_type == "message/cpim"
        assert got.byte_range == ByteRange(1, len(got.body), len(got.body))
        assert got.flag == "$"
    # New ones, the same for all: each recipient has a session of its own (RFC 4975 sections 7.1 and 7.1.1).
    assert to_bob.transaction_id == to_cid.transaction_id != ann.tid
    assert to_bob.message_id == to_cid.message_id != "original"


def test_mrfp_3_to_path_is_the_whole_path_byte_for_byte() -> None:
    script = Script()
    ann = script.join(name="ann")
    path = "msrps://Relay.Example:2855/r1;tcp msrp://user@198.51.100.7:7394/B~b;TCP;x=1"
    added = script.add(ann.added.context, path=path)
    bob = Participant(script, "bob", path, added)
    bob.open()
    ann.say("hi", headers="Success-Report: yes\r\n")
    (got,) = bob.take()
    assert got.to_path == path
    bob.say("ho", headers="Success-Report: yes\r\n", message_id="m9")
    answer, report = bob.take()
    assert (answer.to_path, report.to_path) == ("msrps://Relay.Example:2855/r1;tcp", path)


def test_streams_and_contexts_are_apart() -> None:
    script, ann, bob, _ = three()
    other = script.join(name="dan")
    ann.say("only here")
    assert len(bob.take()) == 1
    assert other.take() == []


def test_headers_that_belong_to_the_content_stay() -> None:
    _, ann, bob, _ = three()
    ann.say("x", headers="Content-Disposition: notification\r\nX-Own: 1\r\nFailure-Report: yes\r\n")
    (got,) = bob.take()
    assert [name for name, _ in got.headers] == [
        *("To-Path", "From-Path", "Message-ID", "Byte-Range", "Failure-Report"),
        *("Content-Disposition", "X-Own", "Content-Type"),
    ]


def test_a_request_without_content_is_answered_and_goes_nowhere() -> None:
    _, ann, bob, _ = three()
    ann.request("SEND", "Message-ID: again\r\n")
    assert ann.status() == 200
    assert bob.take() == []


def test_an_end_line_in_the_body_gets_another_transaction_id() -> None:  # RFC 4975 section 7.1
    script, ann, bob, _ = three()
    script.mrfp._node.draw_id()
    bad = [each.decode() for each in script.mrfp._node._ids[-6:]]
    ann.say("".join(f"\r\n-------{each}$\r\n" for each in bad))
    (got,) = bob.take()
    assert got.transaction_id not in bad
    assert got.body is not None
    assert got.body.count(b"-------") == 6


# ---------------------------------------------------------------------- modes and types


def test_modes_of_the_participants() -> None:  # H.248.1 clause 7.1.7
    script, ann, bob, cid = three()
    added = bob.added
    script.order(f"C={added.context}{{MF={added.termination}{{M{{ST=1{{O{{MO=SO}}}}}}}}}}")
    bob.say("may I?")
    assert bob.status() == 403
    script.order(f"C={added.context}{{MF={added.termination}{{M{{ST=1{{O{{MO=RC}}}}}}}}}}")
    bob.say("now?")
    assert bob.status() == 200
    ann.take()
    ann.say("bob hears nothing", message_id="m2")
    assert bob.take() == []
    assert len(cid.take()) == 2


def test_415_what_is_no_cpim() -> None:  # RFC 7701 section 6.2
    _, ann, bob, _ = three()
    ann.request("SEND", "Message-ID: 1\r\nContent-Type: text/plain\r\n", "hello")
    assert ann.status() == 415
    assert bob.take() == []


def test_other_types_where_they_are_accepted() -> None:
    _, ann, bob, _ = three(accept_types=("message/cpim", "text/*"))
    ann.request("SEND", "Message-ID: 1\r\nContent-Type: text/plain; charset=utf-8\r\n", "hello")
    assert ann.status() == 200
    (got,) = bob.take()
    assert (got.content_type, got.body) == ("text/plain; charset=utf-8", b"hello")


def test_415_for_what_is_wrapped() -> None:
    _, ann, bob, _ = three(accept_wrapped_types=("image/png",))
    ann.say("text")
    assert ann.status() == 415
    assert bob.take() == []


@pytest.mark.parametrize(
    "body",
    ["no headers at all", "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nx", "To: <sip:a@b>\r\n\r\n\r\nx", ""],
)
def test_400_for_cpim_that_is_none(body: str) -> None:
    _, ann, bob, _ = three()
    ann.request("SEND", "Message-ID: 1\r\nContent-Type: message/cpim\r\n", body)
    assert ann.status() == 400
    assert bob.take() == []


def test_400_for_content_without_message_id() -> None:  # RFC 4975 section 7.1
    _, ann, bob, _ = three()
    ann.request("SEND", "Content-Type: message/cpim\r\n", ann.wrapped("x"))
    assert ann.status() == 400
    assert bob.take() == []


def test_413_for_a_message_that_is_too_long() -> None:
    _, ann, bob, _ = three(limits=Limits(message=150))
    ann.say("x" * 100)
    assert ann.status() == 413
    assert bob.take() == []
    # Announced short, and yet longer: stopped on the way, and ended for who got a part.
    body = ann.wrapped("y" * 20)
    ann.chunk("m2", 1, len(body), body, "+")
    assert ann.status() == 200
    ann.chunk("m2", len(body) + 1, len(body), "z" * 100, "+")
    assert ann.status() == 413
    first, last = bob.take()
    assert (first.flag, last.flag, last.body, first.message_id == last.message_id) == ("+", "#", None, True)


def test_501_and_481() -> None:
    _, ann, *_ = three()
    ann.request("DANCE", "")
    assert ann.status() == 501
    ann.request("AUTH", "")
    assert ann.status() == 501
    ann.request("SEND", "Message-ID: 1\r\n", to_path="msrp://203.0.113.5:1/none;tcp")
    assert ann.status() == 481
    ann.request("REPORT", "Message-ID: 1\r\nStatus: 000 200 OK\r\n", to_path="msrp://203.0.113.5:1/none;tcp")
    assert ann.take() == []


# ---------------------------------------------------------------------- senders and recipients


def test_403_for_the_name_of_another() -> None:  # RFC 7701 section 6.1
    _, ann, bob, cid = three()
    know(ann, bob)
    cid.take()
    bob.uri = ann.uri
    bob.say("I am Ann")
    assert bob.status() == 403
    cid.uri = bob.uri
    cid.say("I am Ann, too")
    assert cid.status() == 403
    assert ann.take() == []


def test_the_controller_may_tell_the_uris() -> None:
    script = Script()
    control = 'MO=SR,msi/room="sip:chat@conf.example.net",msi/participant="sip:ann@ims.example.net"'
    ann = script.join(name="ann", control=control)
    bob = script.join(ann.added.context, "bob", control=control.replace("ann@", "bob@"))
    bob.uri = "sip:eve@ims.example.net"
    bob.say("x")
    assert bob.status() == 403
    ann.say("private at once", to="sip:Bob@ims.example.net")
    assert ann.status() == 404  # the user part of a URI has a case
    ann.say("private at once", to="sip:bob@IMS.example.net;transport=tcp", message_id="m2")
    assert ann.status() == 200
    assert len(bob.take()) == 1


def test_a_private_message() -> None:
    _, ann, bob, cid = three()
    know(ann, bob, cid)
    ann.say("psst", to=bob.uri)
    assert ann.status() == 200
    assert len(bob.take()) == 1
    assert cid.take() == []


def test_404_403_428() -> None:
    script, ann, bob, _ = three()
    know(ann, bob)
    ann.say("x", to="sip:nobody@ims.example.net")
    assert ann.status() == 404
    body = f"From: <{ann.uri}>\r\nTo: <{bob.uri}>\r\nTo: <{ROOM}>\r\n\r\nContent-Type: text/plain\r\n\r\nx"
    ann.request("SEND", "Message-ID: 2\r\nContent-Type: message/cpim\r\n", body)
    assert ann.status() == 403
    dan = script.join(ann.added.context, "dan", sdp="a=chatroom:nickname\n")
    know(dan)
    for each in (ann, bob):
        each.take()
    ann.say("x", to=dan.uri, message_id="m3")
    assert ann.status() == 428
    eve = script.join(ann.added.context, "eve", sdp="a=chatroom:nickname private-messages\n")
    know(eve)
    ann.take()
    ann.say("x", to=eve.uri, message_id="m4")
    assert ann.status() == 200


def test_gen_4_a_filter_drops_and_reports() -> None:
    script = Script()
    control = "MO=SR,mf/script=\"if header :contains 'Subject' 'ads' {discard;}\""
    ann = script.join(name="ann", control=control)
    bob = script.join(ann.added.context, "bob")
    head = f"From: <{ann.uri}>\r\nTo: <{ROOM}>\r\nSubject: {{}}\r\n\r\nContent-Type: text/plain\r\n\r\nx"
    for number, subject in enumerate(("cheap ADS here", "lunch")):
        body = head.format(subject)
        headers = f"Message-ID: f{number}\r\nSuccess-Report: yes\r\nContent-Type: message/cpim\r\n"
        ann.request("SEND", headers, body)
        assert [note.what for note in script.of(Note)] == (["msrp message dropped by the filter"] if not number else [])
    assert [each.method or each.status for each in ann.take()] == [200, 200, "REPORT"]
    (got,) = bob.take()
    assert b"lunch" in (got.body or b"")
    reply = script.order(f"C={ann.added.context}{{S={ann.added.termination}{{AT{{SA}}}}}}")
    assert "mf/dropped=1}" in reply


# ---------------------------------------------------------------------- chunks


def test_chunks_are_passed_on_as_they_come() -> None:  # RFC 4975 section 5.1
    script, ann, bob, cid = three()
    body = ann.wrapped("0123456789" * 30)
    total = len(body)
    ann.chunk("big", 1, total, body[:150], "+")
    assert ann.status() == 200
    (first,) = bob.take()
    dan = script.join(ann.added.context, "dan")  # came too late for this message
    ann.chunk("big", 151, total, body[150:], "$")
    (second,) = bob.take()
    assert (first.byte_range, second.byte_range) == (ByteRange(1, 150, total), ByteRange(151, total, total))
    assert (first.flag, second.flag) == ("+", "$")
    assert first.message_id == second.message_id
    assert (first.body or b"") + (second.body or b"") == body.encode()
    assert dan.take() == []
    assert [each.flag for each in cid.take()] == ["+", "$"]


def test_two_messages_may_be_interleaved() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("x" * 50)
    ann.chunk("a", 1, len(body), body[:120], "+")
    ann.chunk("b", 1, len(body), body[:110], "+")
    ann.chunk("a", 121, len(body), body[120:], "$")
    ann.chunk("b", 111, len(body), body[110:], "$")
    a1, b1, a2, b2 = requests(bob)
    assert (a1.message_id, b1.message_id) == (a2.message_id, b2.message_id)
    assert a1.message_id != b1.message_id


def test_a_long_chunk_is_passed_on_before_its_end_comes() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("y" * 50_000)
    total = len(body)
    head = (
        f"MSRP long1 SEND\r\nTo-Path: {ann.added.path}\r\nFrom-Path: {ann.path}\r\nMessage-ID: long\r\n"
        f"Success-Report: yes\r\nByte-Range: 1-*/{total}\r\nContent-Type: message/cpim\r\n\r\n"
    )
    data = f"{head}{body}\r\n-------long1$\r\n".encode()
    got: list[MsrpMessage] = []
    for at in range(0, len(data), 4096):
        ann.give(data[at : at + 4096])
        got += bob.take()
        if at + 4096 < len(data):
            assert ann.take() == []
    assert len(got) == 3
    assert b"".join(each.body or b"" for each in got) == body.encode()
    starts = [each.byte_range.start for each in got if each.byte_range]
    assert starts == [1, 1 + len(got[0].body or b""), 1 + len((got[0].body or b"") + (got[1].body or b""))]
    assert [each.flag for each in got] == ["+", "+", "$"]
    assert {each.byte_range.total for each in got if each.byte_range} == {total}
    answer, report = ann.take()
    assert (answer.status, report.header("Byte-Range")) == (200, f"1-{total}/{total}")


def test_chunks_out_of_order_after_the_first() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("z" * 90)
    total = len(body)
    ann.chunk("m", 1, total, body[:100], "+")
    ann.chunk("m", 151, total, body[150:], "$")
    ann.chunk("m", 101, total, body[100:150], "+")
    got = requests(bob)
    assert [each.byte_range.start for each in got if each.byte_range] == [1, 151, 101]


def test_a_chunk_whose_first_is_unknown_is_stopped() -> None:  # RFC 7701 section 6.1
    _, ann, bob, _ = three()
    ann.chunk("m", 101, 200, "x" * 100, "$")
    assert ann.status() == 413
    assert bob.take() == []


def test_cpim_headers_in_several_chunks() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("text")
    total = len(body)
    ann.chunk("m", 1, total, body[:20], "+")
    ann.chunk("m", 21, total, body[20:40], "+")
    assert bob.take() == []
    ann.chunk("m", 41, total, body[40:], "$")
    assert b"".join(each.body or b"" for each in requests(bob)) == body.encode()
    assert [each.status for each in ann.take()] == [200, 200, 200]


def test_an_aborted_message_is_aborted_for_all() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("text")
    ann.chunk("m", 1, 500, body, "+")
    ann.chunk("m", len(body) + 1, 500, "more", "#")
    assert [each.flag for each in requests(bob)] == ["+", "#"]


def test_a_sender_that_goes_aborts_its_messages() -> None:
    script, ann, bob, _ = three()
    ann.chunk("m", 1, 500, ann.wrapped("text"), "+")
    script.order(f"C={ann.added.context}{{S={ann.added.termination}}}")
    assert [each.flag for each in requests(bob)] == ["+", "#"]


def test_a_message_that_does_not_go_on_is_given_up() -> None:  # RFC 7701 section 6.1: about 540 s
    script, ann, bob, _ = three()
    body = ann.wrapped("text")
    ann.chunk("m", 1, 500, body, "+")
    (first,) = requests(bob)
    bob.answer(first)
    script.wait(539.0)
    assert bob.take() == []
    script.wait(1.1)
    assert [each.flag for each in requests(bob)] == ["#"]
    ann.take()
    ann.chunk("m", len(body) + 1, 500, "more", "$")
    assert ann.status() == 413


def test_messages_under_way_are_bounded() -> None:
    _, ann, *_ = three(limits=Limits(open_messages=2))
    body = ann.wrapped("text")
    for number, expected in enumerate((200, 200, 413)):
        ann.chunk(f"m{number}", 1, 500, body, "+")
        assert ann.status() == expected


# ---------------------------------------------------------------------- responses and reports


@pytest.mark.parametrize(("wish", "good", "bad"), [("yes", [200], [415]), ("partial", [], [415]), ("no", [], [])])
def test_failure_report_says_which_responses_are_wanted(wish: str, good: list[int], bad: list[int]) -> None:
    _, ann, bob, _ = three()
    ann.say("x", headers=f"Failure-Report: {wish}\r\n")
    assert [each.status for each in ann.take()] == good
    (got,) = bob.take()
    assert got.failure_report == wish
    ann.request("SEND", f"Message-ID: 2\r\nFailure-Report: {wish}\r\nContent-Type: text/plain\r\n", "x")
    assert [each.status for each in ann.take()] == bad


def test_a_success_report_when_the_message_is_whole() -> None:
    _, ann, bob, _ = three()
    body = ann.wrapped("x" * 80)
    total = len(body)
    for start, end, flag in ((1, 100, "+"), (101, total, "$")):
        headers = f"Message-ID: m\r\nSuccess-Report: yes\r\nByte-Range: {start}-{end}/{total}\r\n"
        ann.request("SEND", headers + "Content-Type: message/cpim\r\n", body[start - 1 : end], flag)
    first, second, report = ann.take()
    assert (first.status, second.status) == (200, 200)
    assert report.method == "REPORT"
    assert report.message_id == "m"
    assert report.report_status is not None
    assert (report.report_status.namespace, report.report_status.code) == ("000", 200)
    assert report.byte_range == ByteRange(1, total, total)
    # The recipients are not asked for reports: they would not be passed on (RFC 7701 section 6.1).
    assert {each.success_report for each in requests(bob)} == {""}


def test_a_recipient_stops_a_message() -> None:  # 413, RFC 4975 section 10.5
    _, ann, bob, cid = three()
    body = ann.wrapped("x" * 80)
    ann.chunk("m", 1, len(body), body[:100], "+")
    (first,) = requests(bob)
    bob.answer(first, 413)
    (last,) = requests(bob)
    assert (last.flag, last.message_id) == ("#", first.message_id)
    ann.chunk("m", 101, len(body), body[100:], "$")
    assert requests(bob) == []
    assert [each.flag for each in requests(cid)] == ["+", "$"]


def test_a_private_message_that_does_not_arrive_is_reported() -> None:  # RFC 4975 section 7.1.2
    _, ann, bob, cid = three()
    know(ann, bob, cid)
    ann.say("psst", to=bob.uri, message_id="private")
    assert ann.status() == 200
    (got,) = bob.take()
    bob.answer(got, 415)
    (report,) = ann.take()
    assert (report.method, report.message_id) == ("REPORT", "private")
    assert report.report_status is not None
    assert report.report_status.code == 415
    ann.say("psst", to=bob.uri, message_id="private2", headers="Failure-Report: no\r\n")
    (got,) = bob.take()
    bob.answer(got, 415)
    assert ann.take() == []


def test_no_response_within_30_s_ends_the_session() -> None:  # RFC 4975 section 7.1.1
    script, ann, bob, cid = three()
    ann.say("x")
    (got,) = cid.take()
    cid.answer(got)
    bob.take()
    script.wait(29.9)
    assert script.of(Close) == []
    script.wait(0.1)
    assert script.of(Close) == [Close(bob.connection, abort=True)]
    ann.say("y", message_id="m2")
    assert bob.take() == []
    assert len(cid.take()) == 1


def test_481_of_the_other_side_ends_the_session() -> None:
    script, ann, bob, _ = three()
    ann.say("x")
    (got,) = bob.take()
    bob.answer(got, 481)
    assert script.of(Close) == [Close(bob.connection, abort=True)]


def test_gen_3_messages_chunks_and_octets_are_counted() -> None:
    script, ann, bob, _ = three()
    body = ann.wrapped("x" * 80)
    total = len(body)
    ann.say("one")
    ann.chunk("m", 1, total, body[:100], "+")
    ann.chunk("m", 101, total, body[100:], "$")
    size = len(ann.wrapped("one")) + total
    context = ann.added.context
    reply = script.order(f"C={context}{{S={ann.added.termination}{{AT{{SA}}}}}}")
    assert f"{{msrpstat/mr=2,msrpstat/or={size},msrpstat/cr=3,msrpstat/ms=0,msrpstat/os=0," in reply
    reply = script.order(f"C={context}{{AV={bob.added.termination}{{AT{{SA}}}}}}")
    assert f"msrpstat/or=0,msrpstat/cr=0,msrpstat/ms=2,msrpstat/os={size},msrpstat/cs=3," in reply


# ---------------------------------------------------------------------- nicknames


def nick(participant: Participant, text: str) -> int:
    participant.request("NICKNAME", f"Use-Nickname: {text}\r\n")
    return participant.status()


def test_nicknames() -> None:  # RFC 7701 section 7
    script, ann, bob, cid = three()
    assert nick(ann, '"Ann the  Great"') == 200
    assert nick(bob, '"ann the great"') == 425
    assert nick(bob, "Ann") == 424
    assert nick(bob, f'"{"x" * 1024}"') == 424
    assert nick(bob, '"   "') == 424
    assert nick(bob, f'"{"ü" * 511}x"') == 200
    # A change that fails leaves the old one; the empty one gives it back.
    assert nick(bob, '"ANN THE GREAT"') == 425
    assert nick(cid, f'"{"ü" * 511}x"') == 425
    assert nick(ann, '""') == 200
    assert nick(cid, '"Ann the Great"') == 200
    script.order(f"C={cid.added.context}{{S={cid.added.termination}}}")
    assert nick(ann, '"Ann the Great"') == 200


@pytest.mark.parametrize("reset", [False, True])
def test_the_nickname_of_who_died_is_free(reset: bool) -> None:
    """RFC 7701 section 7: it is reserved while its holder's session works, not until the controller subtracts it."""
    script, ann, bob, cid = three()
    assert nick(ann, '"Ann"') == 200
    assert nick(bob, '"ann"') == 425
    script.tell(Ended(ann.connection, reset))
    assert nick(bob, '"ann"') == 200
    assert nick(cid, '"Ann"') == 425
    ann.open()  # it comes back, and has to take another one
    assert nick(ann, '"Ann"') == 425
    assert nick(ann, '"Ann II"') == 200
    assert nick(cid, '"Ann II"') == 425


def test_the_nickname_of_who_comes_back_in_time_is_kept() -> None:
    script, ann, bob, _ = three()
    assert nick(ann, '"Ann"') == 200
    script.tell(Ended(ann.connection, True))
    ann.open()
    assert nick(bob, '"Ann"') == 425


def test_the_uri_of_who_died_is_that_of_who_came_again() -> None:
    """A participant that the controller named no URI of uses one that a dead one had; private messages go there."""
    script, ann, bob, cid = three()
    know(ann, bob, cid)
    script.tell(Ended(ann.connection, True))
    again = script.join(ann.added.context, "ann")
    again.say("I am back")
    assert again.status() == 200
    bob.take()
    cid.take()
    bob.say("welcome", to=ann.uri)
    assert bob.status() == 200
    assert [each.body for each in requests(again)] == [bob.wrapped("welcome", to=ann.uri).encode()]
    assert requests(cid) == []


def test_nickname_without_its_header() -> None:
    _, ann, *_ = three()
    ann.request("NICKNAME", "")
    assert ann.status() == 424
