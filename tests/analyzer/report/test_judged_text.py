"""The quick way to write what was judged gives the octets of the general one, whatever rules and reasons say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from analyzer.findings import ELSEWHERE, NOT_IN_FLOW, Result, Status, StepResult
from analyzer.report.json_report import dumps
from analyzer.report.judged_text import judged_text
from analyzer.report.records import judged_record

TEXT = st.one_of(st.sampled_from(["", "ok", "?", "no SDP", 'a "b"', "\udcff", "caf\u00e9"]), st.text(max_size=8))
FRAMES = st.lists(st.integers(1, 1 << 40), max_size=3).map(tuple)
RESULT = st.one_of(
    st.builds(Result, st.sampled_from(Status), TEXT, FRAMES),
    st.sampled_from([ELSEWHERE, NOT_IN_FLOW, Result(Status.OK)]),
)
CODE = st.sampled_from(["TCP-1", "TCP-2", "GEN-2", "ACME-1"])
STEP = st.builds(StepResult, CODE, TEXT, st.sampled_from(Status), FRAMES, TEXT)
SESSION = st.builds(
    SimpleNamespace,
    steps=st.lists(STEP, max_size=3),
    results=st.dictionaries(CODE, RESULT),
    findings=st.just([]),
)


@given(SESSION)
def test_same_octets(session: Any) -> None:
    assert dumps(judged_text(session)) == dumps(judged_record(session))


def test_usual_sessions_take_the_quick_way() -> None:
    session: Any = SimpleNamespace(
        steps=[StepResult("TCP-1", "TS 23.333", Status.OK, (7,))], results={"TCP-1": Result(Status.OK)}, findings=[]
    )
    written = judged_text(session)
    assert all(isinstance(written[name], orjson.Fragment) for name in ("steps", "checks", "not_observable"))
