"""The rules that are held against sessions: one module a rule, one line here.

Rows of flows (sections B to D of the requirements) are rules too and stand beside their flow in `analyzer.flows`.
"""

from __future__ import annotations

from analyzer.checks import (
    ans_1,
    ans_2,
    gen_2,
    gen_3,
    gen_4,
    mrfp_1,
    offer_1,
    offer_2,
    offer_3,
    offer_3b,
    offer_4,
    offer_5,
    offer_6,
    send_1,
    send_2,
    send_3,
    send_4,
)

CHECKS = (
    gen_2.RULE,
    gen_3.RULE,
    gen_4.RULE,
    offer_1.RULE,
    offer_2.RULE,
    offer_3.RULE,
    offer_3b.RULE,
    offer_4.RULE,
    offer_5.RULE,
    offer_6.RULE,
    send_1.RULE,
    send_2.RULE,
    send_3.RULE,
    send_4.RULE,
    ans_1.RULE,
    ans_2.RULE,
    mrfp_1.RULE,
)
