"""Who reads too slowly: what waits is bounded, who sends is slowed down, and in the end the reader is dropped."""

from __future__ import annotations

from mrfp_script import Participant, Script

from replay.events import Close, Congested, Ended, Note, Pause, Relieved, Resume, Send
from replay.mrfp import Limits


def two(**limits: object) -> tuple[Script, Participant, Participant]:
    script = Script(limits=Limits(**limits))  # type: ignore[arg-type]
    ann = script.join(name="ann", events=",E=3{g/cause}")
    return script, ann, script.join(ann.added.context, "bob", events=",E=4{g/cause}")


def test_what_is_sent_to_a_slow_reader_waits_and_comes_in_order() -> None:
    script, ann, bob = two()
    script.tell(Congested(bob.connection))
    for number in range(5):
        ann.say(f"message {number}", message_id=f"m{number}")
        assert [wish.connection for wish in script.of(Send)] == [ann.connection]
    assert bob.take() == []
    script.tell(Relieved(bob.connection))
    assert [wish.connection for wish in script.of(Send)] == [bob.connection]
    assert [(each.body or b"")[-9:] for each in bob.take()] == [b"message %d" % number for number in range(5)]
    ann.say("at once again", message_id="m9")
    assert len(bob.take()) == 1


def test_who_sends_to_a_slow_reader_is_paused_until_it_has_read() -> None:
    script, ann, bob = two(throttle=1000)
    script.tell(Congested(bob.connection))
    ann.say("x" * 500)
    assert script.of(Pause) == []
    ann.say("x" * 500, message_id="m2")
    assert script.of(Pause) == [Pause(ann.connection)]
    ann.say("x" * 500, message_id="m3")
    assert script.of(Pause) == []
    script.tell(Relieved(bob.connection))
    assert script.of(Resume) == [Resume(ann.connection)]


def test_who_was_slowed_down_goes_on_when_the_slow_reader_is_gone() -> None:
    script, ann, bob = two(throttle=1000)
    cid = script.join(ann.added.context, "cid")
    for slow in (bob, cid):
        script.tell(Congested(slow.connection))
    ann.say("x" * 1500)
    assert script.of(Pause) == [Pause(ann.connection)]
    script.tell(Ended(bob.connection))
    assert script.of(Resume) == []
    script.order(f"C={cid.added.context}{{S={cid.added.termination}}}")
    assert script.of(Resume) == [Resume(ann.connection)]


def test_a_reader_whose_queue_is_full_is_dropped_noted_and_notified() -> None:
    script, ann, bob = two(queue=3000)
    script.tell(Congested(bob.connection))
    ann.say("x" * 1500)
    assert script.of(Close) == []
    ann.say("x" * 1500, message_id="m2")
    assert script.of(Close) == [Close(bob.connection, abort=True)]
    assert [(note.what, note.details["why"]) for note in script.of(Note)] == [
        ("msrp participant dropped", "reads too slowly")
    ]
    ann.say("x" * 1500, message_id="m3")
    assert script.mrfp.legs[1].queued == 0
    script.tell(Ended(bob.connection, reset=True))
    (notice,) = script.notices()
    assert f"N={bob.added.termination}{{OE=4{{g/cause{{ST=1,Generalcause=FT}}}}}}" in notice


def test_queues_are_bounded_all_together() -> None:
    script = Script(limits=Limits(queues=20_000))
    ann = script.join(name="ann")
    slow = [script.join(ann.added.context, f"slow{number}") for number in range(5)]
    for each in slow:
        script.tell(Congested(each.connection))
    dropped = []
    for number in range(10):
        ann.say("x" * 2000, message_id=f"m{number}")
        dropped += [wish.connection for wish in script.of(Close)]
        assert sum(leg.queued for leg in script.mrfp.legs) <= 20_000
    assert len(dropped) == 5
    script.order(f"C={ann.added.context}{{W-S=*{{AT{{}}}}}}")
    assert script.mrfp._node.queued == 0


def test_a_reader_that_reads_nothing_is_dropped_after_30_s() -> None:
    script, ann, bob = two()
    script.tell(Congested(bob.connection))
    ann.say("x", headers="Failure-Report: no\r\n")
    script.wait(29.9)
    assert script.of(Close) == []
    script.wait(0.1)
    assert script.of(Close) == [Close(bob.connection, abort=True)]
    script.tell(Relieved(bob.connection))
    assert script.of(Send) == []


def test_a_reader_that_recovers_is_not_dropped() -> None:
    script, ann, bob = two()
    script.tell(Congested(bob.connection))
    ann.say("x", headers="Failure-Report: no\r\n")
    script.wait(20.0)
    script.tell(Relieved(bob.connection))
    script.tell(Congested(bob.connection))
    script.wait(20.0)
    assert script.of(Close) == []


def test_nothing_is_held_of_a_long_message() -> None:
    """100 MB in one chunk pass through; what the MRFP keeps of it does not grow."""
    script, ann, bob = two()
    body = ann.wrapped("")
    ann.request("SEND", "Message-ID: first\r\n")
    head = (
        f"MSRP long1 SEND\r\nTo-Path: {ann.added.path}\r\nFrom-Path: {ann.path}\r\nMessage-ID: long\r\n"
        f"Byte-Range: 1-*/100000000\r\nContent-Type: message/cpim\r\n\r\n{body}"
    )
    ann.give(head.encode())
    reader = script.mrfp.legs[0].line
    assert reader is not None
    passed = 0
    block = b"0123456789abcdef" * 4096
    largest = 0
    for _ in range(1526):
        ann.give(block)
        largest = max(largest, len(reader.reader._buffer))
        passed += len(script.octets.pop(bob.connection, b""))
    assert passed > 100_000_000
    assert largest < 100_000
