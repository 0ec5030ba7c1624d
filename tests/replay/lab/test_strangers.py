"""Failure branches with processes: an INVITE sent again, keys that are not those of the KMS, hosts that are silent."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from lab_processes import PATIENCE, LabProcesses

from dissectors.sip import SipMessage, SipStream
from replay.lab.config import LabConfig
from replay.lab.keys import draw_keys
from tests.analyzer.cli.processes import needs_command
from tests.replay.lab.test_kills import call_goes, out

pytestmark = needs_command


class SipPeer:
    """A TCP connection, message by message."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self._connection = connection
        self._stream = SipStream()
        self._waiting: list[SipMessage] = []

    def send(self, octets: bytes) -> None:
        self._connection.sendall(octets)

    def read(self) -> SipMessage:
        """The next message."""
        while not self._waiting:
            octets = self._connection.recv(65536)
            assert octets
            self._waiting += [each.message for each in self._stream.receive_data(octets) if each.message is not None]
        return self._waiting.pop(0)


def heard_invite(relay: socket.socket, mrfc: tuple[str, int]) -> bytes:
    """Stand between a UE and the MRFC until the UE has had its answer; the INVITE that passed."""
    accepted, _ = relay.accept()
    with accepted, socket.create_connection(mrfc, PATIENCE) as opened:
        ue, focus = SipPeer(accepted), SipPeer(opened)
        invite = ue.read().data
        focus.send(invite)
        status = 0
        while status < 200:
            response = focus.read()
            ue.send(response.data)
            status = response.status
    return invite


def send_again(invite: bytes, mrfc: tuple[str, int], number: int, sender: str) -> SipMessage:
    """The same INVITE as another call, of this sender; its final response."""
    for old, new in (
        (rb"branch=z9hG4bK", b"branch=z9hG4bK%d" % number),
        (rb"Call-ID: ", b"Call-ID: %d" % number),
        (rb"(From|P-Asserted-Identity): [^\r]*<sip:[^@>]*@", rb"\1: <sip:" + sender.encode() + b"@"),
    ):
        invite, count = re.subn(old, new, invite)
        assert count
    with socket.create_connection(mrfc, PATIENCE) as connection:
        focus = SipPeer(connection)
        focus.send(invite)
        while (response := focus.read()).status < 200:
            pass
    return response


def test_a_transfer_init_is_taken_once(tmp_path: Path) -> None:
    """RFC 6043 section 5.3: by the same sender or another one, while the call is up and when it is over."""
    with LabProcesses(tmp_path) as lab:
        lab.start("kms")
        mrfc = lab.start("mrfc")
        lab.start("mrfp")
        mrfc.heard("mrfp in service")
        host, _, port = lab.places["mrfc_sip"].partition(":")
        place = host, int(port)
        between = lab.place(11)
        address, _, number = between.partition(":")
        with socket.create_server((address, int(number))) as relay:
            relay.settimeout(PATIENCE)
            alice = lab.ue("alice", "--secured", "--stay", "3600", "--mrfc-sip", between)
            invite = heard_invite(relay, place)
        for number, sender in enumerate(("alice", "bob")):
            refused = send_again(invite, place, 100 + number, sender)
            warning = f'399 {lab.places["mrfc_sip"]} "this TRANSFER_INIT was seen before"'
            assert (refused.status, refused.header("Warning")) == (488, warning), sender
        alice.close()
        assert [details["why"] for what, details in mrfc.notes if what == "leg ends"] == [
            "this TRANSFER_INIT was seen before"
        ] * 2
        call_goes(lab, "bob", "--secured")


def test_keys_that_are_not_those_of_the_kms(tmp_path: Path) -> None:
    """A UE whose key the KMS does not have gets no ticket; an MRFC with a wrong one cannot have any resolved: 488."""
    with LabProcesses(tmp_path, inactivity=1.0) as lab:
        users = tuple(f"sip:{name}@ims.example.net" for name in ("alice", "bob"))
        other = tmp_path / "other.toml"
        other.write_text(draw_keys(LabConfig(users=users)).text())
        lab.start("kms")
        mrfc = lab.start("mrfc")
        lab.start("mrfp")
        mrfc.heard("mrfp in service")
        assert lab.ue("alice", "--secured", "--keys", str(other)).ended() == out("the KMS gives no ticket")
        mrfc.close()
        mrfc = lab.start("mrfc", "--keys", str(other))
        mrfc.heard("mrfp in service")
        refused = out("488 Not Acceptable Here: the KMS does not resolve the ticket")
        assert lab.ue("bob", "--secured").ended() == refused


def test_hosts_that_are_silent(tmp_path: Path) -> None:
    """Their backlog is full, so that Linux drops every SYN: MRFC and KMS are not waited for longer than is set."""
    with LabProcesses(tmp_path, connect_timeout=1.0, sip_t1=0.06, kms_timeout=30.0) as lab:
        lab.start("mrfc")
        mrfp = lab.start("mrfp")
        mrfp.heard("h248 registered")
        silent = lab.place(70)
        host, _, port = silent.partition(":")
        with socket.socket() as place, socket.socket() as filler:
            place.bind((host, int(port)))
            place.listen(0)
            filler.connect((host, int(port)))
            no_kms, no_mrfc = lab.ue("alice", "--secured", "--kms", silent), lab.ue("carol", "--mrfc-sip", silent)
            assert no_kms.ended() == out("KMS: timeout")
            assert no_mrfc.ended() == out("no response")
        call_goes(lab, "dave")
