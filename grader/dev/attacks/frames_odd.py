"""Answers with replies whose parts have every type but the right one."""
import os
import struct

import msgpack

ODD = [None, 3, "x", [], {}, [[1]], {"a": 1}, True]
for descriptor in range(3, 64):
    for odd in ODD:
        reply = {name: odd for name in ("value", "mutated", "changed", "recorded", "lines", "raised", "missing", "call")}
        document = msgpack.packb({**reply, "shortcuts": []}, use_bin_type=True)
        try:
            os.write(descriptor, struct.pack("<BII", 1, len(document) + 4, len(document)) + document)
        except OSError:
            break
