"""Never returns, and ignores every signal and exception that could end it."""
import signal


def stay(*a, **k):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


everywhere(stay)
