"""A machine for classic BPF, to ask a filter about calls that this kernel or processor cannot make."""

from __future__ import annotations

import struct
from collections.abc import Sequence

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def run(program: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> int:
    """The filter's answer to a system call."""
    words = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *[0] * 6)][:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *words)
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    at = accumulator = 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        if operation == LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == RETURN:
            return int(value)
        else:
            holds = {
                JUMP_EQUAL: accumulator == value,
                JUMP_AT_LEAST: accumulator >= value,
                JUMP_BITS: accumulator & value != 0,
            }[operation]
            at += then if holds else otherwise
