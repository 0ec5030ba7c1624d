"""The words of the text encoding: long and short forms, as the token table of H.248.1 Annex B.2 has them.

A word is a token only where the grammar asks for one; elsewhere the same letters may name a package or a parameter.
"""

from __future__ import annotations

_TABLE = """
Transaction T, Reply P, Pending PN, TransactionResponseAck K, Segment SM, END &, ImmAckRequired IA,
Authentication AU, Context C, ContextAudit CA, ContextAttr CT, ContextList CLT, Add A, Move MV, Modify MF,
Subtract S, Notify N, AuditValue AV, AuditCapability AC, ServiceChange SC, Services SV, Method MT, Reason RE,
Delay DL, ServiceChangeAddress AD, MgcIdToTry MG, Profile PF, Version V, ServiceChangeInc SIC, Restart RS,
Forced FO, Graceful GR, Disconnected DC, HandOff HO, Failover FL, Media M, Stream ST, LocalControl O, Local L,
Remote R, TerminationState TS, ServiceStates SI, InService IV, OutOfService OS, Test TE, Buffer BF, LockStep SP,
Mode MO, SendOnly SO, ReceiveOnly RC, SendReceive SR, Inactive IN, Loopback LB, ReservedValue RV, ReservedGroup
RG, Events E, EventBuffer EB, ObservedEvents OE, Embed EM, KeepActive KA, DigitMap DM, Signals SG, SignalList
SL, SignalType SY, OnOff OO, TimeOut TO, Brief BR, Duration DR, NotifyCompletion NC, IntByEvent IBE,
IntBySigDescr IBS, OtherReason OR, Iteration IR, Audit AT, Statistics SA, Packages PG, Error ER, Modem MD, Mux
MX, Topology TP, Bothway BW, Isolate IS, Oneway OW, OnewayExternal OWE, OnewayBoth OWB, Priority PR, Emergency
EG, EmergencyOff EGO, EmergencyValue EGV, IEPSCall IEPS, ImmediateNotify NBIN, RegulatedNotify NBRN, NeverNotify
NBNN, ResetEventsDescriptor RSE, SPADirection SPADI, External EX, Internal IT, Both B, SPARequestID SPARQ,
Intersignal SPAIS, Nx64Kservice N64, SynchISDN SN
"""

LONG = {short: long for long, short in (pair.split() for pair in _TABLE.split(","))}
"""Long form by short form, both as printed in the table."""

SHORT = {long.lower(): short.lower() for short, long in LONG.items()}
"""Short form by long form, both in lower case."""
