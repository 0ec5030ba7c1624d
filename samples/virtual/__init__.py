"""The lab's functions in a world of its own: a network in memory, a clock that is moved, chance from a seed.

The cores are those of `mrfscope lab` (`replay.events.Core`): they cannot tell. What passes is written down as packets,
octet for octet the same each time, so that samples can be rebuilt and compared.
"""
