"""Functions that run together: started in order, recorded, watched, stopped in the opposite order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from analyzer.errors import UserError
from replay.edge.address_plan import AddressPlan
from replay.edge.recorder import Recorder
from replay.edge.runtime import CONNECT_TIMEOUT, Runtime
from replay.events import Endpoint, Event, Expired, Note, Wish
from replay.lab.functions import Function
from replay.lab.log import LabLog, WarningsToLog
from replay.lab.metrics import Metered, Metrics, MetricsPage

SILENCE = 0.2
"s without a word, after which all is said."
GOODBYE = 2.0
"s for calls to end when the lab stops."
EDGE = logging.getLogger("mrfscope.lab")


class Lab:
    """An open lab; use it with `async with`, which stops everything at the end."""

    def __init__(
        self,
        plan: AddressPlan,
        log: LabLog,
        *,
        recorder: Recorder | None = None,
        metrics: Metrics | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self._plan = plan
        self._log = log
        self._recorder = recorder
        self._metrics = metrics
        self._connect_timeout = connect_timeout
        self._runtimes: dict[str, Runtime] = {}
        self._addresses: set[str] = set()
        self._waits: list[tuple[Callable[[str, Note], bool], asyncio.Future[Note]]] = []
        self._handler = WarningsToLog(log)
        self._page: Runtime | None = None
        self.last_activity = 0.0
        "Time of the loop when a function was last told something, other than by a timer."

    async def __aenter__(self) -> Lab:
        if self._metrics is not None:
            page = Runtime(MetricsPage(self._metrics), plan=AddressPlan(beyond_loopback=True), noted=self._noted)
            try:
                await page.start()
            except OSError as error:
                raise UserError(f"--metrics: {error.strerror or error}") from error
            self._page = page
        EDGE.addHandler(self._handler)
        EDGE.propagate = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_calls()
        for name in reversed(self._runtimes):
            await self._runtimes[name].stop()
        if self._page is not None:
            await self._page.stop()
        EDGE.removeHandler(self._handler)
        self._log.finish()

    async def _end_calls(self) -> None:
        """Let calls end and terminations go back while the MRFP is still there to answer."""
        now = asyncio.get_running_loop().time()
        for name, runtime in reversed(self._runtimes.items()):
            if name not in ("mrfp", "kms"):
                runtime.do(runtime.core.stop(now))
        await self.quiet(SILENCE, GOODBYE)

    async def start(self, *functions: Function) -> None:
        """Start functions, each once the one before it is up. Raises OSError when a place is taken."""
        for function in functions:
            self._addresses |= function.addresses if function.is_ours else frozenset()
        for function in functions:
            core = function.core if self._metrics is None else Metered(function.core, self._metrics)
            runtime = _Watched(
                core,
                udp=function.udp,
                sctp=function.sctp,
                plan=self._plan,
                # Its peers write down what a stranger sends.
                recorder=self._recorder if function.is_ours else None,
                ours=self._is_ours,
                noted=self._noted,
                connect_timeout=self._connect_timeout,
            )
            runtime.told = self._active
            self._runtimes[core.name] = runtime
            await runtime.start()

    def do(self, name: str, wishes: list[Wish]) -> None:
        """Carry out what a command to a function gave."""
        self._runtimes[name].do(wishes)

    async def noted(self, function: str, what: str, timeout: float) -> Note:
        """The next such note of a function. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Note] = loop.create_future()
        wait = (lambda name, note: name == function and note.what == what, found)
        self._waits.append(wait)
        try:
            async with asyncio.timeout(timeout):
                return await found
        finally:
            with suppress(ValueError):
                self._waits.remove(wait)

    async def quiet(self, silence: float, timeout: float) -> bool:
        """Wait until nothing was said for so many seconds; False when it does not get quiet."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while loop.time() < begin + timeout:
            rest = max(begin, self.last_activity) + silence - loop.time()
            if rest <= 0:
                return True
            await asyncio.sleep(rest)
        return False

    def _active(self, event: Event) -> None:
        if not isinstance(event, Expired):
            self.last_activity = asyncio.get_running_loop().time()

    def _is_ours(self, end: Endpoint) -> bool:
        return end[0] in self._addresses

    def _noted(self, function: str, note: Note) -> None:
        self._log.note(function, note)
        for fits, found in self._waits:
            if not found.done() and fits(function, note):
                found.set_result(note)


class _Watched(Runtime):
    """A runtime that tells when something came."""

    told: Callable[[Event], None] = staticmethod(lambda event: None)

    def tell(self, event: Event) -> None:
        self.told(event)
        super().tell(event)
