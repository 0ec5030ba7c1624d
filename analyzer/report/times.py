"""Capture times as text: UTC, with all nine digits, because that is what the capture holds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def day_and_second(second: int) -> str:
    """`2026-01-01T12:00:00` for seconds since 1970 UTC; empty where the calendar has no such day."""
    if second < 0:
        return ""
    try:
        return _second(second)
    except (ValueError, OverflowError, OSError):
        return ""


def iso_time(time: int | None) -> str | None:
    """`2026-01-01T12:00:00.123456789Z`, or None where there is no time."""
    if time is None or time < 0:
        return None
    second, fraction = divmod(time, 1_000_000_000)
    try:
        return f"{_second(second)}.{fraction:09d}Z"
    except (ValueError, OverflowError, OSError):
        return f"{second}.{fraction:09d}"


def clock_time(time: int) -> str:
    """`12:00:00.123456`, for ladders."""
    text = iso_time(time)
    return text[11:26] if text is not None and "T" in text else "-"


def date_of(time: int) -> str:
    """`2026-01-01`."""
    text = iso_time(time)
    return text[:10] if text is not None and "T" in text else "no date"


def moment(time: int | None) -> str:
    """`2026-01-01 12:00:00.123456 UTC`, or `no time`."""
    return f"{date_of(time)} {clock_time(time)} UTC" if time is not None and time >= 0 else "no time"


def duration_text(nanoseconds: int) -> str:
    """`0 ms`, `850 ms`, `34.2 s`, `12 min 03 s`, `2 h 05 min`."""
    milliseconds = max(nanoseconds, 0) // 1_000_000
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds // 100 / 10:.1f} s"
    seconds = milliseconds // 1000
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
