"""Codes as users write them: whole or their beginning, in any case."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def matching(text: str, codes: Iterable[str]) -> list[str]:
    """The code that is meant, else every code that begins with the text: `OFFER-3` is one, `OFFER` and `TCP-` are many.

    An exact code never stands for those that it begins, such as `OFFER-3b`.
    """
    wanted = text.upper()
    known = list(codes)
    exact = [code for code in known if code.upper() == wanted]
    return exact or [code for code in known if wanted and code.upper().startswith(wanted)]


def nearest(text: str, codes: Iterable[str], most: int = 3) -> list[str]:
    """The codes that begin with the text, then those that look most like it, the likest first."""
    by_upper = {code.upper(): code for code in codes}
    wanted = text.upper()
    begun = [each for each in by_upper if wanted and each.startswith(wanted)]
    like = get_close_matches(wanted, by_upper, most, 0.5)
    return [by_upper[each] for each in dict.fromkeys([*begun, *like])][:most]


def did_you_mean(text: str, codes: Iterable[str], most: int = 3) -> str:
    """`; did you mean OFFER-6, OFFER-5 or OFFER-4?`, or nothing where no code is like it."""
    *others, last = nearest(text, codes, most) or [""]
    if not last:
        return ""
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
