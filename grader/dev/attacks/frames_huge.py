"""Announces more than there is, nests without end, and sends tensors larger than their bytes."""
import os
import struct

import msgpack

deep = msgpack.packb(0)
for _ in range(200):
    deep = msgpack.packb(msgpack.ExtType(2, b"\x91" + deep))
tensor = msgpack.ExtType(1, msgpack.packb(["float32", [10**12], None, "cpu", False, 0, 4 * 10**12]))
CALLED = {"value": tensor, "mutated": [], "changed": [], "recorded": 0, "call": -1, "shortcuts": []}
ATTEMPTS = (deep, msgpack.packb(CALLED), b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff")
for descriptor in range(3, 64):
    for document in ATTEMPTS:
        try:
            os.write(descriptor, struct.pack("<BII", 1, len(document) + 4, len(document)) + document)
            os.write(descriptor, struct.pack("<BI", 1, 0xFFFFFFFF))
        except OSError:
            break
