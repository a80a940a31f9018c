"""Writes down every message of a publisher, raw: three parts, each with its length (4 bytes, little-endian) before it.

It connects again by itself, and ends when its standard input does.
"""

import os
import struct
import sys
import threading

import zmq


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


endpoint, path = sys.argv[1:]
threading.Thread(target=end_with_stdin, daemon=True).start()
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.RCVHWM, 0)
socket.setsockopt(zmq.RECONNECT_IVL, 5)
socket.subscribe(b"")
socket.subscribe(b"~hello/foreign")
socket.connect(endpoint)
with open(path, "xb", buffering=0) as file:
    while True:
        parts = socket.recv_multipart()
        file.write(b"".join(struct.pack("<I", len(part)) + part for part in parts))
