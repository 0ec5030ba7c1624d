"""The MRFP of the lab: an H.248 gateway for MSRP conferences (TS 23.333), as a core that wishes."""

from replay.mrfp.config import Limits, MrfpConfig
from replay.mrfp.core import Mrfp
from replay.mrfp.faults import FAULTS

__all__ = ["FAULTS", "Limits", "Mrfp", "MrfpConfig"]
