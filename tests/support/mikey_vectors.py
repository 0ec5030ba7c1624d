"""Values of the MIKEY-TICKET vectors, and the two whole messages made with them.

TPK, RANDs and keys are counted octets; the messages were made and checked by two programs independent of this one.
"""

from __future__ import annotations

TPK = bytes(range(0x10))
TICKET_RAND = bytes(range(0x10, 0x20))
MPK = bytes(range(0x20, 0x30))
TGK = bytes(range(0x30, 0x40))
RAND_I = bytes(range(0x40, 0x50))
RAND_R = bytes(range(0x50, 0x60))
RAND_KMS = bytes(range(0x60, 0x70))
CSB_ID = 0x12345678
INITIATOR = b"sip:mrfc@example.net"
RESPONDER = b"sip:bob@example.net"
KMS = b"kms.example.net"
TEK = bytes.fromhex("d73b445215885ef24535de9e1e5e9a55")

TRANSFER_INIT = (
    "AQ4FgRI0VngBAgECAAAABAAAAAIPAOAAABAAAAAADgEQQEFCQ0RFRkdISUpLTE1OTw4BAQAUc2lwOm1yZmNAZXhhbXBsZS5uZXQRAgEAE3NpcDpib2JA"
    "ZXhhbXBsZS5uZXQJAAEBAQL5YABUDg4DAQAPa21zLmV4YW1wbGUubmV0DQEBABRzaXA6bXJmY0BleGFtcGxlLm5ldA0CA+AAAAAOAwPgAVGAAAIBABNz"
    "aXA6Ym9iQGV4YW1wbGUubmV0AHgFAAALAOAAAAAAAAAAARAQERITFBUWFxgZGhscHR4fCQEAMkR9Z7F29g5QfdIIr2eBet1zTYhs/TpA64duzrm9nsX4"
    "AGVuPKJlelooK6+YkaxLVMV6AAACZCvstVVTpI5hNdC3H7vltAugyW1eBlPMNu89ftbBq4kARQkJAil+AdSp0BEjPhuqJKK6pDZZGabvg9+58ysNjdhK"
    "bRyPAAKnUogy2dxj5Mw8yX6dNVpgrjq4iGXEqIdlFUAxRLd3GgACKX4B1KnQESM+G6okorqkNlkZpu+D37nzKw2N2EptHI8="
)
TRANSFER_RESP = (
    "AQ8FARI0VngBAgECAQAAAAQAAAACDwDgAAARgAAAAA4CEFBRUlNUVVZXWFlaW1xdXl8PAgEAE3NpcDpib2JAZXhhbXBsZS5uZXQKAxBgYWJjZGVmZ2hp"
    "amtsbW5vCQACAAAAAnk79SmTO8/k5CaSpBzyJ+7UmfJAQr97htVU6zCJWh3p"
)
PSK_INIT = (
    "AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2UaDX8ZE22YwKAAAPZG9uYWxkQGR1Y2suY29tAQAAAAAAAQAk0JKpgaVkDaawi9wh"
    "VBtBt0KZ14ymNuu62+Nv3ozPLygwK/GbAV9iemnGUIZ19fWQUOSrzKTAv9zV"
)
PSK_VER = "AQEFgM0XflABAAAAAAAAAAAAAAYAyONQ6gAAAAAJAAAQbWlja2V5QG1vdXNlLmNvbQABn8HdGE5BMDXFIuGEga+62AgY5cc="
"The two messages of RFC 4567 section 5.1; nobody knows their keys."
