"""Sessions that are judged and wait for the end of the capture, to be reported in the order of their first message.

The first `kept` stay in memory as they are; every further one is written to a temporary file without a name, which only
its owner could ever have read, and made again when it is its turn. So a capture of any number of sessions needs memory
for those, and for a place in the file of all others.

What sessions share is not written with each of them: a TCP connection with several MSRP sessions (RFC 4975 section 5.4)
stays in memory, flows and the results of rules that were not held or say the same in every session are found again.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import tempfile
from collections.abc import Iterator
from operator import itemgetter
from types import TracebackType
from typing import Any, BinaryIO, TypeVar, cast

from analyzer.conversations.connection import Connection
from analyzer.correlate.session import Session
from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, NOT_SELECTED, OK, Result
from analyzer.transport.flow import Flow, FlowTable

T = TypeVar("T")
Reduced = str | tuple[Any, ...]
"""What makes a thing again, as `object.__reduce__` gives it."""

MAX_SHARED = 4096
"Results that are remembered as the same in many sessions."

Place = tuple[int, str, Session | None, int]
"""Time of the first message, id, and the session, or where it begins in the file."""


class SessionStore:
    """Takes sessions in any order and gives them in that of their first message."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._places: list[Place] = []
        self._file: BinaryIO | None = None
        self._written = 0
        self._connections: list[Connection] = []
        self._results = [ELSEWHERE, NOT_IN_FLOW, NOT_SELECTED, OK]  # reports know these by identity
        self._numbers = {id(result): number for number, result in enumerate(self._results)}
        "Connections and results that are not written, by identity: the place in their list."
        self._flows = FlowTable()

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, session: Session) -> None:
        """Take a session that was released (`Session.release`)."""
        octets = self._packed(session) if len(self._places) >= self.kept else b""
        if not octets:
            self._places.append((session.first, session.id, session, 0))
            return
        if self._file is None:
            self._file = cast(BinaryIO, tempfile.TemporaryFile(prefix="mrfscope-"))  # noqa: SIM115 - until __exit__
        self._places.append((session.first, session.id, None, self._written))
        self._written += self._file.write(octets)

    def _packed(self, session: Session) -> bytes:
        """The octets of a session; none where it cannot be written, and so has to stay."""
        held = io.BytesIO()
        try:
            _Writer(held, self).dump(session)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError):  # what a plugin put into it
            return b""
        return held.getvalue()

    def in_order(self) -> Iterator[Session]:
        """Every session, by the time of its first message and its id; once."""
        file = self._file
        if file is not None:
            file.flush()
        self._places.sort(key=itemgetter(0, 1))
        self._places.reverse()
        while self._places:
            _, _, session, at = self._places.pop()
            if session is None and file is not None:
                session = self._read(file, at)
            if session is not None:
                yield session

    def _read(self, file: BinaryIO, at: int) -> Session:
        file.seek(at)
        return cast("Session", _Reader(file, self).load())

    # ------------------------------------------------------------------ what is not written

    def put_flow(self, flow: Flow) -> Reduced:
        return _flow, flow.key

    def put_connection(self, connection: Connection) -> Reduced:
        if len(connection.sessions) <= 1:
            return connection.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return _connection, (_number(self._connections, self._numbers, connection),)

    def put_result(self, result: Result) -> Reduced:
        shared = id(result) in self._numbers or len(self._results) < MAX_SHARED
        if result.frames or result.findings or not shared:
            return Result, tuple(result)
        return _result, (_number(self._results, self._numbers, result),)

    def get_flow(self, addresses: int, ports: int) -> Flow:
        return self._flows.get(addresses, ports)

    def get_connection(self, number: int) -> Connection:
        return self._connections[number]

    def get_result(self, number: int) -> Result:
        return self._results[number]


def _number(things: list[T], numbers: dict[int, int], thing: T) -> int:
    """The place of a thing in its list; one that is not there is put into it, and keeps its identity there."""
    number = numbers.get(id(thing))
    if number is None:
        number = numbers[id(thing)] = len(things)
        things.append(thing)
    return number


def _flow(addresses: int, ports: int) -> Flow:
    """Stands in the file for a flow; the reader finds `SessionStore.get_flow` by this name, and so on."""
    return Flow(addresses, ports)


def _connection(number: int) -> Connection:
    raise LookupError(number)


def _result(number: int) -> Result:
    raise LookupError(number)


class _Writer(pickle.Pickler):
    def __init__(self, out: BinaryIO, store: SessionStore) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self.dispatch_table = {
            **copyreg.dispatch_table,
            Flow: store.put_flow,
            Connection: store.put_connection,
            Result: store.put_result,
        }


class _Reader(pickle.Unpickler):
    """Reads what this very process wrote into a file that nobody else can open."""

    def __init__(self, file: BinaryIO, store: SessionStore) -> None:
        super().__init__(file)
        self._found = {"_flow": store.get_flow, "_connection": store.get_connection, "_result": store.get_result}

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__:
            return self._found[name]
        return super().find_class(module, name)
