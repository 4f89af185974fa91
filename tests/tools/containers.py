"""Wraps an elementary stream into a container that FFmpeg reads but does not write.

usage: containers.py pva|nsv|pmp STREAM OUT WIDTH HEIGHT     25 frames a second, no B frames

pva takes MPEG-2, nsv and pmp MPEG-4 part 2. By the layouts of TechnoTrend, Nullsoft and libavformat's readers.
"""

import struct
import sys


def frames(stream, picture):
    """Cuts the stream so that each part is a picture with the headers before it."""
    parts, start, has_picture = [], 0, False
    at = stream.find(b"\0\0\1")
    while at >= 0:
        code = stream[at + 3]
        is_slice = picture == 0 and 1 <= code <= 0xAF
        if has_picture and not is_slice:
            parts.append(stream[start:at])
            start, has_picture = at, False
        has_picture |= code == picture
        at = stream.find(b"\0\0\1", at + 3)
    if has_picture:
        parts.append(stream[start:])
    else:  # the code that ends the stream
        parts[-1] += stream[start:]
    return parts


def pva(pictures, width, height):
    out, counter = b"", 0
    for i, picture in enumerate(pictures):
        for at in range(0, len(picture), 6000):
            payload = picture[at:at + 6000]
            if at == 0:
                payload = struct.pack(">I", 3600 * i) + payload
            out += b"AV\1" + struct.pack(">BBBH", counter & 255, 0x55, 0x10 if at == 0 else 0, len(payload)) + payload
            counter += 1
    return out


def nsv(pictures, width, height):
    sync = b"NSVs" + b"XVID" + b"NONE" + struct.pack("<HHBH", width, height, 25, 0)
    out = b""
    for picture in pictures:
        size = len(picture)
        out += sync + struct.pack("<BHH", (size & 15) << 4, size >> 4, 0) + picture
    return out


def pmp(pictures, width, height):  # one audio packet a block for each audio stream, of which there is none
    blocks = [struct.pack("<B8xI", 1, len(p)) + p for p in pictures]
    keys = [p[:4] != b"\0\0\1\xb6" or p[4] >> 6 == 0 for p in pictures]
    out = b"pmpm" + struct.pack("<IIIIIIIIH10x", 1, 0, len(blocks), width, height, 1, 25, 0, 0) + struct.pack(">II", 0, 0)
    for block, key in zip(blocks, keys):
        out += struct.pack("<I", len(block) << 1 | key)
    return out + b"".join(blocks)


kind, source, target, width, height = sys.argv[1:]
with open(source, "rb") as file:
    pictures = frames(file.read(), 0 if kind == "pva" else 0xB6)
make = {"pva": pva, "nsv": nsv, "pmp": pmp}[kind]
with open(target, "wb") as file:
    file.write(make(pictures, int(width), int(height)))
