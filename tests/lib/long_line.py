"""A long line between two network devices: what comes in at one goes out at the other, so many milliseconds later, and nothing is lost, changed
or overtaken. Ends with its standard input.

    python3 long_line.py DEVICE DEVICE MILLISECONDS

Frames pass with what the kernel notes of them (PACKET_VNET_HDR): checksums that are still to be reckoned, and packets that are still to be cut.
"""

import select
import socket
import sys
import time
from collections import deque

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 15, 23, 1, 1
SO_RCVBUFFORCE = 33
ALL, LONGEST, ROOM = 0x0003, 10 + 14 + (1 << 16), 8 << 20


def end_of(device):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    end.bind((device, ALL))
    number = socket.if_nametoindex(device)
    end.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, number.to_bytes(4, sys.byteorder) + PACKET_MR_PROMISC.to_bytes(2, sys.byteorder) + bytes(10))
    return end


def carry(one, other, delay):
    onward = {one: other, other: one}
    under_way = deque()  # when it is due, where it goes, the frame: all take as long, so the first is due first
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([sys.stdin, one, other], [], [], wait)
        if sys.stdin in ready and not sys.stdin.readline():
            return
        for end in ready:
            if end in onward:
                under_way.append((time.monotonic() + delay, onward[end], end.recv(LONGEST)))
        while under_way and under_way[0][0] <= time.monotonic():
            _, end, frame = under_way.popleft()
            end.send(frame)


if __name__ == "__main__":
    ends = [end_of(device) for device in sys.argv[1:3]]
    print("ready", flush=True)
    carry(*ends, int(sys.argv[3]) / 1000)
