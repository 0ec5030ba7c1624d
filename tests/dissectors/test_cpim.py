"""CPIM (RFC 3862) and the IMDN headers in it (RFC 5438)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.msrp.cpim import CpimHeader, build_cpim, decode_cpim, encode_cpim, escape, unescape

# RFC 3862 section 5.1.
EXAMPLE = (
    b"From: MR SANDERS <im:piglet@100akerwood.com>\r\n"
    b"To: Depressed Donkey <im:eeyore@100akerwood.com>\r\n"
    b"DateTime: 2000-12-13T13:40:00-08:00\r\n"
    b"Subject: the weather will be fine today\r\n"
    b"Subject:;lang=fr beau temps prevu pour aujourd'hui\r\n"
    b"NS: MyFeatures <mid:MessageFeatures@id.foo.com>\r\n"
    b"Require: MyFeatures.VitalMessageOption\r\n"
    b"MyFeatures.VitalMessageOption: Confirmation-requested\r\n"
    b"MyFeatures.WackyMessageOption: Use-silly-font\r\n"
    b"\r\n"
    b"Content-type: text/xml; charset=utf-8\r\n"
    b"Content-ID: <1234567890@foo.com>\r\n"
    b"\r\n"
    b"<body>\r\nHere is the text of my message.\r\n\r\n</body>"
)
# RFC 5438: a request for notifications.
IMDN = (
    b"From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nTo: <im:carol@example.com>\r\n"
    b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 34jk324j\r\nDateTime: 2006-04-04T12:16:49-05:00\r\n"
    b"imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
    b"Content-type: text/plain\r\nContent-length: 12\r\n\r\nHello World"
)


def test_example() -> None:
    message = decode_cpim(EXAMPLE)
    assert (message.from_uri, message.to_uri) == ("im:piglet@100akerwood.com", "im:eeyore@100akerwood.com")
    assert (message.datetime, message.subject) == ("2000-12-13T13:40:00-08:00", "the weather will be fine today")
    assert message.content_type == "text/xml; charset=utf-8"
    assert message.mime_headers[1] == ("Content-ID", "<1234567890@foo.com>")
    assert message.body == b"<body>\r\nHere is the text of my message.\r\n\r\n</body>"
    assert message.headers[4] == CpimHeader("Subject", "beau temps prevu pour aujourd'hui", (("lang", "fr"),))
    option = message.header("WackyMessageOption", "mid:MessageFeatures@id.foo.com")
    assert option is not None
    assert (option.name, option.prefix, option.text) == (
        "MyFeatures.WackyMessageOption",
        "MyFeatures",
        "Use-silly-font",
    )
    assert [header.name for header in message.headers].count("NS") == 1
    assert encode_cpim(message) == EXAMPLE


@pytest.mark.parametrize("prefix", [b"imdn", b"abc"])
def test_imdn_by_its_namespace(prefix: bytes) -> None:
    """RFC 3862 section 3.4: the URI says what a prefix means, not the prefix."""
    data = IMDN.replace(b"imdn.", prefix + b".").replace(b"NS: imdn", b"NS: " + prefix)
    message = decode_cpim(data)
    assert message.imdn_message_id == "34jk324j"
    assert message.disposition_notification == ["positive-delivery", "negative-delivery"]
    assert message.to_uris == ["im:bob@example.com", "im:carol@example.com"]
    assert encode_cpim(message) == data


def test_default_namespace() -> None:
    """RFC 3862 section 3.4: NS without a prefix; NS itself stays a core header."""
    message = decode_cpim(b"A: 1\r\nNS: <urn:x>\r\nB: 2\r\nNS: p <urn:y>\r\np.C: 3\r\nq.D: 4\r\n\r\n\r\n")
    assert [(h.name, h.namespace) for h in message.headers] == [
        ("A", ""),
        ("NS", ""),
        ("B", "urn:x"),
        ("NS", ""),
        ("p.C", "urn:y"),
        ("q.D", ""),
    ]


def test_names_are_case_sensitive() -> None:
    """RFC 3862 section 2.3."""
    assert decode_cpim(b"from: <im:a>\r\n\r\n\r\n").from_uri == ""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"a\\b", "a\\b"),
        (r"\"x\"", '"x"'),
        (r"\'", "'"),
        (r"\b\t\n\r", "\b\t\n\r"),
        (r"\u00e9\u20AC", "\u00e9\u20ac"),
        (r"\ud83d", r"\ud83d"),
        (r"\u12", "u12"),
        ("\\", "\\"),
        ("plain \u00e9", "plain \u00e9"),
    ],
)
def test_escapes(raw: str, text: str) -> None:
    """RFC 3862 section 2.3.3."""
    assert unescape(raw) == text
    message = decode_cpim(f"Subject: {raw}\r\n\r\n\r\n".encode())
    assert (message.subject, message.headers[0].value) == (text, raw)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_escape_is_undone(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set(escape(text)) & {"\r", "\n", "\t", "\0"}


@pytest.mark.parametrize(
    ("data", "headers", "mime", "body"),
    [
        (b"From: <im:a>\r\n\r\n\r\nhi", 1, [], b"hi"),
        (b"From: <im:a>\r\n\r\nContent-Type: a/b\r\n\r\n", 1, [("Content-Type", "a/b")], b""),
        (b"From: <im:a>\r\n\r\nContent-Type: a/b\r\n", 1, [("Content-Type", "a/b")], b""),
        (b"From: <im:a>\r\n\r\nContent-Type: a/b", 1, [("Content-Type", "a/b")], b""),
        (b"From: <im:a>\r\n\r\n", 1, [], b""),
        (
            b"From: <im:a>\nTo: <im:b>\n\nContent-Type: a/b;\n c=d\n\nhi\n\nho",
            2,
            [("Content-Type", "a/b; c=d")],
            b"hi\n\nho",
        ),
        (b"Content-Type: Message/CPIM\r\n\r\nFrom:<im:a>\r\n\r\nX: y \r\n\r\nhi", 1, [("X", "y")], b"hi"),
    ],
)
def test_shapes(data: bytes, headers: int, mime: list[tuple[str, str]], body: bytes) -> None:
    message = decode_cpim(data)
    assert (len(message.headers), message.mime_headers, message.body) == (headers, mime, body)
    assert message.from_uri == "im:a"
    assert encode_cpim(message) == data


@pytest.mark.parametrize(
    ("data", "what", "offset"),
    [
        (b"", "CPIM headers", 0),
        (b"From: <im:a>\r\n", "CPIM headers", 14),
        (b"From: <im:a>\r\nbad\r\n\r\n", "CPIM header", 14),
        (b"From: <im:a>\r\n\r\nA: b\r\nbad\r\n\r\n", "MIME header", 22),
        (b"From: <im:a>\nbad\n\n", "CPIM header", 13),
        (b"From: \xc3\xa9\xff\r\nbad\r\n\r\n", "CPIM header", 11),
        (b"Content-Type: message/cpim\r\n\r\nFrom: x", "CPIM headers", 37),
    ],
)
def test_errors_say_where(data: bytes, what: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_cpim(data)
    assert (caught.value.what, caught.value.offset) == (what, offset)


def test_build() -> None:
    built = build_cpim(
        [("From", "Al <im:a>"), ("Subject;lang=fr", "beau\ntemps \\ \u00e9"), ("NS", "imdn <urn:ietf:params:imdn>")],
        "text/plain",
        b"hi",
        [("Content-ID", "<1>")],
    )
    assert (
        encode_cpim(built)
        == (
            "From: Al <im:a>\r\nSubject:;lang=fr beau\\ntemps \\\\ \u00e9\r\nNS: imdn <urn:ietf:params:imdn>\r\n\r\n"
            "Content-Type: text/plain\r\nContent-ID: <1>\r\n\r\nhi"
        ).encode()
    )
    assert (built.subject, built.headers[1].params) == ("beau\ntemps \\ \u00e9", (("lang", "fr"),))


@pytest.mark.parametrize("headers", [[("A b", "x")], [("A", " x")], [("A\r\n\r\nB", "x")], []])
def test_build_refuses_what_would_be_read_as_something_else(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        build_cpim(headers, "text/plain", b"hi")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80)
    | st.tuples(st.sampled_from([EXAMPLE, IMDN]), st.integers(0, 500), st.binary(max_size=3)).map(
        lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + 1 :]
    )
)
def test_any_octets_give_a_message_or_the_error(data: bytes) -> None:
    try:
        message = decode_cpim(data)
    except DecodeError:
        return
    assert encode_cpim(message) == data
    assert isinstance(message.subject + message.from_uri + message.imdn_message_id + message.content_type, str)


def test_hostile_bodies_are_linear() -> None:
    for filler in (b"\r\n", b"A: <", b"A:;a", b"\\u", b" ", b"NS: a <"):
        data = b"A: b\r\nB: " + filler * (1_000_000 // len(filler))
        try:
            message = decode_cpim(data + b"\r\n\r\n\r\n")
        except DecodeError:
            continue
        assert message.to_uris == []
        assert message.headers[0].text == "b"
