"""Capture times as text: UTC, with all nine digits, because that is what the capture holds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


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
