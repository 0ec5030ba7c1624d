"""The Media Resource Function Controller: conference focus over SIP, controller of an MRFP (TS 23.333)."""

from replay.mrfc.config import ItemNames, MrfcConfig
from replay.mrfc.core import Mrfc
from replay.mrfc.faults import FAULTS

__all__ = ["FAULTS", "ItemNames", "Mrfc", "MrfcConfig"]
