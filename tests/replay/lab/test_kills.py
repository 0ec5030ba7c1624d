"""`kill -9` of MRFP, MRFC or KMS in mid-conference, with processes and sockets: what each of the others does.

Those who are left end what was going on, with a reason, and go on with whoever takes the place of the dead one.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from lab_processes import PATIENCE, LabProcesses, metric

from tests.analyzer.cli.processes import needs_command
from tests.replay.lab.test_interactive import ROOM, Person

pytestmark = needs_command

WENT_WELL = "ue: heard 0 messages, 1 of 1 requests of its own went well; left"
transports = pytest.mark.parametrize("transport", ["udp", "tcp"])
"Of H.248."


def out(why: str) -> tuple[int, str]:
    """How a UE ends that had nothing to say."""
    return 1, f"mrfscope: ue: heard 0 messages, 0 of 0 requests of its own went well; out: {why}"


def call_goes(lab: LabProcesses, user: str, *arguments: str) -> None:
    """A new call: in, say something that is answered, out."""
    assert lab.ue(user, "--say", "hello", *arguments).ended() == (0, WENT_WELL)


# ------------------------------------------------------------------ the MRFP


@transports
def test_kill_9_of_the_mrfp(transport: str, tmp_path: Path) -> None:
    """The MRFC finds it by audit (H.248.1 Annex D.1.4), or by its connection; each leg ends by BYE with a Reason."""
    why = {"udp": "no reply", "tcp": "its connection ended"}[transport]
    times = {"audit_interval": 0.5, "h248_timeout": 3.0, "h248_retry": 0.5}
    with LabProcesses(tmp_path, h248_transport=transport, **times) as lab:
        mrfc, mrfp = lab.start("mrfc"), lab.start("mrfp")
        ues = lab.participants("alice", "bob")
        mrfp.kill()
        assert mrfc.heard("mrfp lost") == {"why": why}
        for number, ue in enumerate(ues, 1):
            details = mrfc.heard("leg ends", number)
            assert (details["status"], details["why"]) == (503, f"MRFP lost: {why}")
            assert ue.ended() == out(f"MRFP lost: {why}")
            if transport == "udp":  # otherwise BYE may come first
                assert ue.heard("msrp connection ended")["why"] in ("closed", "reset")
        assert lab.ue("carol").ended() == out("503 Service Unavailable: no MRFP in service")
        lab.start("mrfp")
        assert mrfc.heard("mrfp in service", 2) == {"method": "Restart", "version": 2}
        call_goes(lab, "dave")


def test_an_mrfp_that_is_back_before_it_is_missed(tmp_path: Path) -> None:
    """Its ServiceChange Restart says that it has no contexts any more (H.248.1 clause 7.2.8)."""
    with LabProcesses(tmp_path, audit_interval=0, inactivity=0) as lab:
        mrfc, mrfp = lab.start("mrfc"), lab.start("mrfp")
        (alice,) = lab.participants("alice")
        mrfp.kill()
        lab.start("mrfp")
        assert mrfc.heard("mrfp in service", 2) == {"method": "Restart", "version": 2}
        assert alice.ended() == out("MRFP lost: it began anew")
        call_goes(lab, "bob")


# ------------------------------------------------------------------ the MRFC


@transports
def test_kill_9_of_the_mrfc(transport: str, tmp_path: Path) -> None:
    """The MRFP finds it by its silence (H.248.14), or by its connection; contexts are freed, UEs hang up."""
    why = {"udp": "no reply", "tcp": "connection lost"}[transport]
    times = {"inactivity": 0.5, "h248_timeout": 2.0, "h248_retry": 0.5, "orphans": 1.0}
    with LabProcesses(tmp_path, h248_transport=transport, session_wait=1.0, sip_t1=0.06, **times) as lab:
        mrfc, mrfp = lab.start("mrfc"), lab.start("mrfp")
        ues = lab.participants("alice", "bob")
        mrfc.kill()
        late = lab.ue("carol")
        assert mrfp.heard("h248 controller lost") == {"why": why}
        assert mrfp.heard("h248 contexts freed") == {"terminations": 2}
        for ue in ues:
            assert ue.heard("msrp connection ended") == {"why": "closed"}
            assert ue.ended() == out("MSRP connection: closed")
        assert late.ended() == out("no response")
        again = lab.start("mrfc")
        assert again.heard("mrfp in service") == {"method": "Restart", "version": 2}
        assert mrfp.heard("h248 registered", 2)["version"] == 2
        call_goes(lab, "dave")


def test_an_mrfc_that_is_back_before_its_contexts_are_freed(tmp_path: Path) -> None:
    """It knows nothing of them, and has the MRFP subtract them; a BYE for a call that it does not know gets 481."""
    with LabProcesses(tmp_path, inactivity=0.5, h248_timeout=3.0, orphans=0, session_wait=1.0) as lab:
        mrfc, mrfp = lab.start("mrfc"), lab.start("mrfp")
        (alice,) = lab.participants("alice")
        mrfc.kill()
        again = lab.start("mrfc")
        assert again.heard("mrfp in service") == {"method": "Disconnected", "version": 2}
        assert alice.heard("msrp connection ended") == {"why": "closed"}
        assert alice.ended() == out("MSRP connection: closed")
        assert [what for what, _ in mrfp.notes].count("h248 contexts freed") == 0
        call_goes(lab, "bob")


def test_kill_9_of_the_mrfc_within_an_invite(tmp_path: Path) -> None:
    """It said 100 and waits for the KMS: the UE cancels after a while, and gives up (RFC 3261 section 9.1)."""
    with LabProcesses(tmp_path, sip_t1=0.06, answer_wait=1.0) as lab:
        kms = lab.start("kms")
        stopped = lab.place(40)
        other = lab.start("kms", "--kms", stopped)
        place = lab.place(10)
        mrfc = lab.start("mrfc", "--kms", stopped, "--metrics", place)
        lab.start("mrfp")
        mrfc.heard("mrfp in service")
        other.signal(signal.SIGSTOP)
        alice = lab.ue("alice", "--secured")
        kms.heard("ticket of mode 1 issued")
        asks(place, "mrfc")
        mrfc.kill()
        assert alice.ended() == out("no answer")


# ------------------------------------------------------------------ a UE


def test_kill_9_of_a_ue(tmp_path: Path) -> None:
    """The MRFP tells that its session is without a connection; the MRFC gives the termination back; the rest stay."""
    with LabProcesses(tmp_path, unconnected=3.0, sip_t1=0.06) as lab:
        mrfc, mrfp = lab.start("mrfc"), lab.start("mrfp")
        alice, bob = lab.participants("alice", "bob")
        alice.kill()
        mrfp.heard("msrp session without a connection")
        details = mrfc.heard("leg ends")
        assert (details["status"], details["why"]) == (500, "TCP connection was not set up")
        mrfc.heard("leg released")
        call_goes(lab, "alice")
        bob.signal(signal.SIGTERM)
        assert bob.ended() == (0, "ue: heard 1 messages, 0 of 0 requests of its own went well; left")


def test_the_nickname_of_a_ue_that_was_killed_is_free(tmp_path: Path) -> None:
    """At once (RFC 7701 section 7), long before its termination goes back; before, it was refused with 425."""
    with LabProcesses(tmp_path) as lab:
        lab.start("mrfc")
        place = lab.place(20)
        lab.start("mrfp", "--metrics", place)
        common = ("--config", str(lab.config), "--at")
        with Person(*common, lab.place(51), "--uri", "sip:ann@ims.example.net") as ann:
            ann.sees(f"* you are in {ROOM}")
            ann.type("/nick Ann\n")
            ann.sees("* the nickname Ann is yours")
            with Person(*common, lab.place(52), "--uri", "sip:bob@ims.example.net") as bob:
                bob.sees(f"* you are in {ROOM}")
                bob.type("/nick ann\n")
                bob.sees("* the nickname ann was refused: 425")
                ann.process.kill()
                assert ann.process.wait(PATIENCE) == -signal.SIGKILL
                until = time.monotonic() + PATIENCE
                while metric(place, 'mrfscope_lab_connections{function="mrfp"}') != "1.0":
                    assert time.monotonic() < until
                    time.sleep(0.02)
                assert metric(place, 'mrfscope_lab_in_use{function="mrfp",kind="terminations"}') == "2.0"
                bob.type("/nick ann\n")
                bob.sees("* the nickname ann is yours")
                bob.type("/quit\n")
                bob.process.wait(PATIENCE)


# ------------------------------------------------------------------ the KMS


def asks(place: str, function: str, times: int = 1) -> None:
    """Wait until this function has connected to its KMS so many times."""
    until = time.monotonic() + PATIENCE
    while metric(place, f'mrfscope_lab_events_total{{event="Connected",function="{function}"}}') != f"{times}.0":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_kill_9_of_the_kms_of_a_ue(tmp_path: Path) -> None:
    """No ticket, no INVITE; plain calls go on, and secured ones once a KMS is there again."""
    with LabProcesses(tmp_path, kms_timeout=30.0) as lab:
        lab.start("mrfc")
        lab.start("mrfp")
        kms = lab.start("kms")
        call_goes(lab, "alice", "--secured")
        kms.signal(signal.SIGSTOP)
        place = lab.place(60)
        alice = lab.ue("alice", "--secured", "--metrics", place)
        asks(place, "ue")
        kms.kill()
        assert alice.ended() == out("KMS: no answer")
        assert lab.ue("bob", "--secured").ended() == out("KMS: refused")
        call_goes(lab, "carol")
        lab.start("kms")
        call_goes(lab, "dave", "--secured")


def test_kill_9_of_the_kms_of_the_mrfc(tmp_path: Path) -> None:
    """Whether the ticket is good is not known: 503 with a Reason; the MRFP is not asked for anything."""
    with LabProcesses(tmp_path, kms_timeout=30.0) as lab:
        own, place = lab.place(40), lab.place(10)
        lab.start("kms")
        mrfc = lab.start("mrfc", "--kms", own, "--metrics", place)
        lab.start("mrfp")
        mrfc.heard("mrfp in service")
        kms = lab.start("kms", "--kms", own)
        call_goes(lab, "alice", "--secured")
        kms.signal(signal.SIGSTOP)
        alice = lab.ue("alice", "--secured")
        asks(place, "mrfc", times=2)
        kms.kill()
        assert alice.ended() == out("503 Service Unavailable: KMS: no answer")
        assert lab.ue("bob", "--secured").ended() == out("503 Service Unavailable: KMS: refused")
        ended = [details for what, details in mrfc.notes if what == "leg ends"]
        assert [(each["status"], each["why"]) for each in ended] == [(503, "KMS: no answer"), (503, "KMS: refused")]
        assert [what for what, _ in mrfc.notes].count("leg released") == 1
        call_goes(lab, "carol")
        lab.start("kms", "--kms", own)
        call_goes(lab, "dave", "--secured")


def test_a_kms_that_hangs(tmp_path: Path) -> None:
    """Its connection is taken, and nothing comes on it: the time for a question to the KMS is bounded."""
    with LabProcesses(tmp_path, kms_timeout=1.0) as lab:
        own = lab.place(40)
        lab.start("kms")
        lab.start("mrfc", "--kms", own)
        mrfp = lab.start("mrfp")
        mrfp.heard("h248 registered")
        kms = lab.start("kms", "--kms", own)
        kms.signal(signal.SIGSTOP)
        assert lab.ue("alice", "--secured").ended() == out("503 Service Unavailable: KMS: timeout")
        assert lab.ue("bob", "--secured", "--kms", own).ended() == out("KMS: timeout")
        kms.signal(signal.SIGCONT)
        call_goes(lab, "carol", "--secured")
