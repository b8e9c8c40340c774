#!/usr/bin/env python3
"""Reads /v1/changes from the oldest on, as NDJSON, until its end, and counts what was created.

    feed_http.py PORT

Prints a line of JSON. HTTP/1.0: what comes is the lines, without chunks.
"""

import json
import socket
import sys
import time

CREATED = b'"op":"created"'


def main():
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    changes, tail = 0, b""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60) as connection:
        connection.sendall(b"GET /v1/changes?from=oldest&follow=false HTTP/1.0\r\nHost: localhost\r\n\r\n")
        while piece := connection.recv(1 << 20):
            changes += (tail + piece).count(CREATED)
            tail = piece[-len(CREATED) + 1:]
    print(json.dumps({"seconds": time.monotonic() - began_s, "cpu_seconds": time.process_time() - began_cpu_s,
                      "changes": changes, "bytes": 0, "asked": 1}))


if __name__ == "__main__":
    main()
