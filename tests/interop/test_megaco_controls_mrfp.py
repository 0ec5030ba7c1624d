"""Erlang's megaco as the controller of our MRFP, over UDP: register, add, audit, a failure notified, subtract."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
from oracles import need_megaco

from replay.edge.runtime import Runtime
from replay.events import Note
from replay.mrfp import Mrfp, MrfpConfig

HERE = Path(__file__).resolve().parent
MGC, MG = "127.0.83.1", "127.0.83.2"
HEAD = "!/2 [192.0.2.10]:2944 T=1{{C={}{{{}}}}}"
ADD = (
    "A=ip/1/mb/${{M{{ST=1{{O{{MO=SR}},L{{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:active\na=path:$\n}},"
    "R{{\nv=0\nc=IN IP4 {0}\nm=message {1} TCP/MSRP *\na=setup:passive\na=path:msrp://{0}:{1}/ue;tcp\n}}}}}},"
    "E=9001{{tcpbcc/BNCChange{{ST=1,Type=failed}}}},SG{{tcpbcc/EstBNC{{ST=1}}}}}}"
)

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("form", ["compact", "pretty"])
def test_a_whole_session(form: str, tmp_path: Path) -> None:
    need_megaco()
    port = 20_000 + time.time_ns() // 1_000_000 % 20_000 * 2
    orders = [
        HEAD.format("$", ADD.format(MG, 1)),  # nobody listens at port 1
        HEAD.format("CONTEXT", "AV=TERMINATION{AT{M,E,SA}}"),
        HEAD.format("CONTEXT", "S=TERMINATION{AT{SA}}"),
    ]
    files = []
    for number, text in enumerate(orders):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(text)
    notes: list[Note] = []

    async def run() -> str:
        command = ["escript", str(HERE / "megaco_controller.escript"), MGC, str(port), form, *map(str, files)]
        pipe = asyncio.subprocess.PIPE
        erlang = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
        assert erlang.stdout is not None
        try:
            assert await asyncio.wait_for(erlang.stdout.readline(), 30) == b"ready\n"
            config = MrfpConfig((MG, port + 1), ((MGC, port),), MG, epoch=1_767_268_800.0)
            runtime = Runtime(Mrfp(config), udp=[(MG, port + 1)], noted=lambda name, note: notes.append(note))
            await runtime.start()
            said = await asyncio.wait_for(erlang.stdout.read(), 30)
            await runtime.stop()
            assert await erlang.wait() == 0
            return said.decode()
        finally:
            if erlang.returncode is None:
                erlang.kill()
                await erlang.wait()

    said = asyncio.run(run())
    lines = said.splitlines()
    assert lines[0] == "service change"
    replies = [line.removeprefix("reply: ") for line in lines if line.startswith("reply: ")]
    notified = [line.removeprefix("notify: ") for line in lines if line.startswith("notify: ")]
    assert len(replies) == 3, said
    added = re.search(rf"a=path:(msrp://{re.escape(MG)}:\d+/[0-9a-f]{{20}};tcp)", replies[0])
    assert added is not None, said
    assert added[1] in replies[1]
    assert "msrpstat/mr=0" in replies[2]
    assert len(notified) == 1, said
    assert "OE=9001{" in notified[0]
    assert "tcpbcc/bncchange{ST=1,type=failed}" in notified[0]  # OTP writes names in lower case
    assert [note.what for note in notes] == ["h248 registered", "msrp connection failed"]
