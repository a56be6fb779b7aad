"""Takes memory piece by piece until there is none."""
# needs: memory
held = []


def take(*a, **k):
    while len(held) < 5_000:
        held.append(bytearray(1 << 20))
    breach("it has five gigabytes")


everywhere(take)
