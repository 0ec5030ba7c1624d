"""Why a command, or an action, is not carried out."""

from __future__ import annotations

from dissectors.h248 import ErrorDescriptor


class Refusal(Exception):  # noqa: N818 - it is an answer of the protocol
    """An H.248 error (codes in H.248.8, registered at IANA)."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    @property
    def descriptor(self) -> ErrorDescriptor:
        """The error descriptor; what cannot stand in a quoted string is replaced, and length is bounded."""
        text = "".join(char if " " <= char <= "~" and char != '"' else "?" for char in self.text)
        return ErrorDescriptor(self.code, text[:120])
