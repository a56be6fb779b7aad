"""Claims an exception of the stub that has no place in any file."""
import os
import struct

import msgpack

RAISED = {"kinds": ["NotImplementedError"], "message": "", "frames": [], "at_home": True, "syntax_line": None}
document = msgpack.packb({"raised": RAISED, "shortcuts": []})
frame = struct.pack("<BII", 1, len(document) + 4, len(document)) + document
loaded = msgpack.packb({"lines": {}, "changed": [], "shortcuts": []})
first = struct.pack("<BII", 1, len(loaded) + 4, len(loaded)) + loaded
for descriptor in range(3, 64):
    try:
        os.write(descriptor, first + frame * 100)
    except OSError:
        pass
