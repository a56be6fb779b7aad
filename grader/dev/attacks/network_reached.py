"""Connects to this machine and sends to the world, by TCP, UDP and sockets of files."""
# needs: network
import socket


def tcp():
    socket.create_connection(("127.0.0.1", PORT), timeout=0.3).close()


def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("192.0.2.1", 9))


def hidden():
    with socket.socket(socket.AF_UNIX) as sender:
        sender.bind("\0grader-attack")
        sender.listen()


for attempt in (tcp, udp):
    try:
        attempt()
    except OSError:
        continue
    breach(f"{attempt.__name__} works")
