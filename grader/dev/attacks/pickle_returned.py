"""Returns an object whose unpickling runs code, and its pickle."""
# needs: process
import os
import pickle


class Bomb:
    def __reduce__(self):
        return os.system, (f"echo unpickled > {CANARY}",)


bomb = Bomb()
everywhere(lambda *a, **k: [bomb, pickle.dumps(bomb)])
