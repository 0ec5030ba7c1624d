"""Which transport a request takes, and TCP opened for it (RFC 3261 section 18.1.1); dialogs; the directory."""

from __future__ import annotations

from itertools import count

from sip_script import LOCAL, invite

from dissectors.sip import SipMessage, build_request, decode_sip
from replay.events import Accepted, Connect, Connected, ConnectFailed, Ended, Received, Send, SendDatagram, SetTimer
from replay.sip import Dialog, Directory, RequestIn, SipAgent, SipLayer, TransactionFailed
from replay.sip.dialog import make_cancel, response_to

BOB = ("198.51.100.9", 5060)


def agent(**options: bool) -> SipAgent:
    branches, numbers = count(1), count(1)
    return SipAgent(SipLayer(LOCAL, branch=lambda: f"b{next(branches)}"), lambda: next(numbers), **options)


def builder(size: int = 0):
    def build(via: str) -> SipMessage:
        headers = [
            ("Via", via),
            ("From", "<sip:chat@conf.example.net>;tag=m1"),
            ("To", "<sip:bob@ims.example.net>"),
            ("Call-ID", "c2"),
            ("CSeq", "1 INVITE"),
        ]
        return build_request("INVITE", "sip:bob@ims.example.net", headers, b"x" * size)

    return build


def wishes(one: SipAgent) -> list:
    return [each for each in one.take_wishes() if not isinstance(each, SetTimer)]


def test_a_short_request_goes_over_udp() -> None:
    one = agent()
    one.request(builder(), BOB, 0.0)
    (wish,) = wishes(one)
    assert isinstance(wish, SendDatagram)
    assert (wish.local, wish.peer) == (LOCAL, BOB)
    assert b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKb1;rport\r\n" in wish.data


def test_a_long_request_waits_for_tcp_and_further_ones_share_the_connection() -> None:
    one = agent()
    key = one.request(builder(1300), BOB, 0.0)
    one.request(builder(1400), BOB, 0.0)
    assert wishes(one) == [Connect(1, ("192.0.2.10", 0), BOB)]
    assert one.receive(Connected(1, ("192.0.2.10", 40000), BOB), 0.1) == []
    sent = wishes(one)
    assert [type(each) for each in sent] == [Send, Send]
    first = decode_sip(sent[0].data)
    assert (first.branch, first.method) == key
    assert (first.header("Via") or "").startswith("SIP/2.0/TCP ")
    one.request(builder(1300), BOB, 0.2)
    assert [type(each) for each in wishes(one)] == [Send]


def test_tcp_chosen_for_its_length_falls_back_to_udp_with_the_same_branch() -> None:
    one = agent()
    key = one.request(builder(1300), BOB, 0.0)
    wishes(one)
    assert one.receive(ConnectFailed(1, "refused"), 0.1) == []
    (wish,) = wishes(one)
    assert isinstance(wish, SendDatagram)
    assert decode_sip(wish.data).branch == key[0]


def test_tcp_that_was_asked_for_does_not_fall_back() -> None:
    for one, transport in ((agent(), "tcp"), (agent(udp=False), "")):
        key = one.request(builder(), BOB, 0.0, transport=transport)
        wishes(one)
        (failed,) = one.receive(ConnectFailed(1, "timeout"), 0.1)
        assert isinstance(failed, TransactionFailed)
        assert failed.key == key
        assert wishes(one) == []


def test_a_dialog_keeps_to_the_connection_it_came_over() -> None:
    one = agent()
    assert one.owns(Accepted(-1, LOCAL, ("198.51.100.9", 41000)))
    one.receive(Accepted(-1, LOCAL, ("198.51.100.9", 41000)), 0.0)
    (event,) = one.receive(Received(-1, invite().data), 0.0)
    assert isinstance(event, RequestIn)
    assert event.hop == ("tcp", -1)
    one.request(builder(), BOB, 0.1, hop=event.hop)
    (wish,) = wishes(one)
    assert isinstance(wish, Send)
    assert wish.connection == -1
    one.receive(Ended(-1), 0.2)
    one.request(builder(), BOB, 0.3, hop=event.hop)
    (wish,) = wishes(one)
    assert isinstance(wish, SendDatagram)


def test_a_message_in_pieces_over_tcp() -> None:
    one = agent()
    one.receive(Accepted(-1, LOCAL, ("198.51.100.9", 41000)), 0.0)
    data = invite().data * 2
    events = [event for octet in data for event in one.receive(Received(-1, bytes([octet])), 0.0)]
    assert len(events) == 1  # the second is a repetition


def test_dialog_of_a_callee() -> None:
    """RFC 3261 section 12.1.1: route set as it stands, remote target from Contact."""
    asked = build_request(
        "INVITE",
        "sip:chat@conf.example.net",
        [
            ("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"),
            ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
            ("From", "<sip:alice@ims.example.net>;tag=a1"),
            ("To", "<sip:chat@conf.example.net>"),
            ("Call-ID", "c1"),
            ("CSeq", "7 INVITE"),
            ("Contact", "<sip:alice@198.51.100.7>"),
        ],
    )
    dialog = Dialog.as_callee(asked, "m1")
    bye = dialog.request("BYE", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK2")
    assert bye.request_uri == "sip:alice@198.51.100.7"
    assert bye.header_list("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (bye.from_tag, bye.to_tag, bye.call_id, bye.cseq) == ("m1", "a1", "c1", 1)
    answer = response_to(asked, 200, "OK", tag="m1")
    assert answer.header_list("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    other = Dialog.as_caller(asked, answer)
    assert other.routes == ["<sip:p2;lr>", "<sip:p1;lr>"]  # reversed (section 12.1.2)
    assert other.fits(bye)
    assert not other.fits(bye)  # its number is not higher than the last (section 12.2.2)
    assert other.request("ACK", "SIP/2.0/UDP h;branch=z9hG4bK3", cseq=7).cseq == 7
    assert other.request("BYE", "SIP/2.0/UDP h;branch=z9hG4bK4").cseq == 8


def test_cancel_is_the_invite_in_all_but_its_method() -> None:
    """Section 9.1."""
    cancel, asked = make_cancel(invite()), invite()
    assert (cancel.branch, cancel.request_uri, cancel.cseq) == (asked.branch, asked.request_uri, asked.cseq)
    assert (cancel.call_id, cancel.from_tag, cancel.to_tag) == (asked.call_id, asked.from_tag, "")
    assert cancel.header("CSeq") == "1 CANCEL"


def test_directory() -> None:
    places = Directory({"sip:bob@ims.example.net": BOB, "conf.example.net": LOCAL})
    assert places.find("sip:Bob@IMS.example.net;user=phone") == (BOB, "")
    assert places.find("sip:any@conf.example.net;transport=TCP") == (LOCAL, "tcp")
    assert places.find("<sip:alice@198.51.100.7:5070>") is None
    assert places.find("sip:alice@198.51.100.7:5070") == (("198.51.100.7", 5070), "")
    assert places.find("sip:[2001:db8::7]") == (("2001:db8::7", 5060), "")
    assert places.find("sip:alice@elsewhere.example") is None
    assert Directory(proxy=BOB).find("sip:alice@elsewhere.example") == (BOB, "")
    assert places.find("no uri") is None
