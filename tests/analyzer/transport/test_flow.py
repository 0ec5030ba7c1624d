"""Flow keys and their text."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from analyzer.transport.flow import Flow, FlowTable, reverse_key

V4 = (0xC0000201 << 32 | 0xC6336402, 4 << 40 | 6 << 32 | 40000 << 16 | 5060)
HERE6, THERE6 = int(IPv6Address("2001:db8::1")), int(IPv6Address("2001:db8::2"))
V6 = (HERE6 << 128 | THERE6, 6 << 40 | 17 << 32 | 2944 << 16 | 2855)


def test_ipv4_flow_is_read_from_its_key() -> None:
    flow = Flow(*V4)
    assert (flow.src, flow.dst) == ("192.0.2.1:40000", "198.51.100.2:5060")
    assert (flow.src_ip, flow.dst_ip, flow.sport, flow.dport) == ("192.0.2.1", "198.51.100.2", 40000, 5060)
    assert (flow.version, flow.transport, flow.key) == (4, "tcp", V4)
    assert repr(flow) == "Flow(tcp 192.0.2.1:40000 > 198.51.100.2:5060)"


def test_ipv6_flow_is_bracketed() -> None:
    flow = Flow(*V6)
    assert (flow.src, flow.dst, flow.transport) == ("[2001:db8::1]:2944", "[2001:db8::2]:2855", "udp")


@pytest.mark.parametrize(("number", "name"), [(6, "tcp"), (17, "udp"), (132, "sctp"), (47, "47")])
def test_transport_name(number: int, name: str) -> None:
    assert Flow(0, 4 << 40 | number << 32).transport == name


@pytest.mark.parametrize("key", [V4, V6, (5, 4 << 40 | 6 << 32 | 7)])
def test_reverse_key_twice_is_the_key(key: tuple[int, int]) -> None:
    back = Flow(*Flow(*key).reverse_key())
    assert (back.src, back.dst) == (Flow(*key).dst, Flow(*key).src)
    assert reverse_key(*back.key) == key


def test_table_interns_and_stays_bounded() -> None:
    table = FlowTable(limit=16)
    first = table.get(*V4)
    assert table.get(*V4) is first
    for port in range(100):
        table.get(V4[0], 4 << 40 | 17 << 32 | port)
    assert len(table) <= 16
    again = table.get(*V4)
    assert again is not first
    assert again == first
    assert hash(again) == hash(first)
    assert first != Flow(*V6)
    assert first != "flow"
