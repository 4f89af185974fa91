#!/usr/bin/env python3
"""slow_link: a network cable of a given delay and rate between two network namespaces, for kernels without netem. It
carries IP packets between a TUN device in each, called eth0; the rate limits bytes of IP, large segments counted whole.
Needs root and /dev/net/tun.

usage: slow_link.py PID0 PID1 DELAY_MS MBIT

PID0, PID1: a process in each namespace. Says "ready" when both devices are there; runs until it is killed.
"""
import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
VNET_HEADER = 10  # bytes before each packet: what a network card would still have to do; handed on as it is
MOST_WAITING = 64 << 20  # bytes under way in a direction; what is more is lost, as in a full queue
CLONE_NEWNET = 0x40000000


def open_device(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"namespace of process {pid}")
    os.close(namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    return device


class Direction:
    def __init__(self, source, target, delay, bytes_per_second):
        self.source, self.target, self.delay, self.rate = source, target, delay, bytes_per_second
        self.waiting, self.n_bytes, self.free_at = collections.deque(), 0, 0.0

    def take(self, now):
        """All that has come in; the cable carries one packet after the other."""
        while True:
            try:
                packet = os.read(self.source, 1 << 17)
            except BlockingIOError:
                return
            if self.n_bytes + len(packet) > MOST_WAITING:
                continue
            self.free_at = max(self.free_at, now) + (len(packet) - VNET_HEADER) / self.rate
            self.waiting.append((self.free_at + self.delay, packet))
            self.n_bytes += len(packet)

    def give(self, now):
        """What is due. -> when the next one is, or None."""
        while self.waiting and self.waiting[0][0] <= now:
            packet = self.waiting.popleft()[1]
            self.n_bytes -= len(packet)
            try:
                os.write(self.target, packet)
            except OSError:  # the device is down: lost
                pass
        return self.waiting[0][0] if self.waiting else None


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__.split("\n\n")[1])
    devices = [open_device(pid) for pid in sys.argv[1:3]]
    delay, rate = float(sys.argv[3]) / 1e3, float(sys.argv[4]) * 1e6 / 8
    directions = [Direction(*devices, delay, rate), Direction(*devices[::-1], delay, rate)]
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        due = [at for at in [d.give(now) for d in directions] if at is not None]
        ready = select.select(devices, [], [], max(0.0, min(due) - time.monotonic()) if due else None)[0]
        now = time.monotonic()
        for direction in directions:
            if direction.source in ready:
                direction.take(now)


if __name__ == "__main__":
    main()
