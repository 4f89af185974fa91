#!/usr/bin/env python3
"""png: reads 8-bit PNGs with nothing but zlib, for tests that must not trust libpng twice. Truecolour and grey, with or
without alpha, not interlaced; anything else, and every wrong CRC, is an error.

usage: png.py size FILE | hash FILE | compare A B        compare: exit 1 and the first difference when pixels differ
"""
import hashlib
import struct
import sys
import zlib

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def unfilter(kind, line, above, step):
    if kind == 2:
        return bytearray((x + b) & 255 for x, b in zip(line, above))
    for i in range(len(line)) if kind else ():
        left = line[i - step] if i >= step else 0
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            line[i] = (line[i] + paeth(left, above[i], above[i - step] if i >= step else 0)) & 255
        else:
            raise ValueError(f"filter {kind}")
    return line


def read(path):
    """width, height, list of rows (bytes), channels"""
    data = open(path, "rb").read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path}: not a PNG")
    at, packed, header, ended = 8, [], None, False
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        if len(body) != n or struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] != zlib.crc32(kind + body):
            raise ValueError(f"{path}: chunk {kind} is damaged")
        at += 12 + n
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed.append(body)
        elif kind == b"IEND":
            ended = True
    if not ended or not header:
        raise ValueError(f"{path}: ends early")
    width, height, depth, colour, _, _, interlace = header
    if depth != 8 or colour not in CHANNELS or interlace:
        raise ValueError(f"{path}: depth {depth}, colour type {colour}, interlace {interlace}: not read here")
    step = CHANNELS[colour]
    raw = zlib.decompress(b"".join(packed))
    stride = width * step
    if len(raw) != height * (stride + 1):
        raise ValueError(f"{path}: {len(raw)} bytes of pixels, not {height * (stride + 1)}")
    rows, above = [], bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        above = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + stride]), above, step)
        rows.append(bytes(above))
    return width, height, rows, step


def main(argv):
    if len(argv) == 3 and argv[1] == "size":
        width, height, _, _ = read(argv[2])
        print(f"{width}x{height}")
    elif len(argv) == 3 and argv[1] == "hash":
        print(hashlib.sha256(b"".join(read(argv[2])[2])).hexdigest())
    elif len(argv) == 4 and argv[1] == "compare":
        a, b = read(argv[2]), read(argv[3])
        if (a[:2], a[3]) != (b[:2], b[3]):
            print(f"{a[0]}x{a[1]}x{a[3]} and {b[0]}x{b[1]}x{b[3]}")
            return 1
        for y, (p, q) in enumerate(zip(a[2], b[2])):
            if p != q:
                x = next(i for i in range(len(p)) if p[i] != q[i]) // a[3]
                print(f"pixel {x},{y}: {tuple(p[x * a[3]:][:a[3]])} and {tuple(q[x * a[3]:][:a[3]])}")
                return 1
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
