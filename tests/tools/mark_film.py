#!/usr/bin/env python3
"""mark_film: puts marks into films that no encoder here writes.

  dovi PROFILE COMPATIBILITY IN.mp4 OUT   a Dolby Vision configuration record (dvcC/dvvC) in the video's sample entry
  light MAXCLL IN.mp4 OUT                 that peak (clli) in the video's sample entry
  mkv IN.mkv OUT                          ContentEncryption in every track
  ts IN.ts OUT                            payloads of the video's PID scrambled, and said so
  asf IN.wmv OUT                          a Content Encryption object in the header
  mxf IN.mxf OUT                          the video's triplets called encrypted
"""
import struct
import sys


# --- MP4: boxes are length, type, body --------------------------------------------------------------------------------
SKIPPED = {b"stsd": 8, b"hev1": 78, b"hvc1": 78, b"avc1": 78, b"av01": 78}  # bytes before the boxes inside


def with_record(data, record):
    out, at = b"", 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + size]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl") or kind in SKIPPED:
            skip = SKIPPED.get(kind, 0)
            body = body[:skip] + with_record(body[skip:], record)
            if skip == 78:
                body += record
        out += struct.pack(">I4s", 8 + len(body), kind) + body
        at += size
    return out


def dovi(profile, compatibility, data):
    profile = int(profile)
    level, rpu, el, bl = 4, 1, int(profile == 7), 1
    word = profile << 9 | level << 3 | rpu << 2 | el << 1 | bl
    body = struct.pack(">BBHB", 1, 0, word, int(compatibility) << 4) + bytes(19)
    record = struct.pack(">I4s", 8 + len(body), b"dvcC" if profile <= 7 else b"dvvC") + body
    return with_record(data, record)  # the media data lie before the headers: no offset changes


def light(peak, data):
    return with_record(data, struct.pack(">I4sHH", 12, b"clli", int(peak), 100))


# --- Matroska: identifier, length, body -------------------------------------------------------------------------------
def number(data, at, keep_mark):
    first = data[at]
    length = 9 - first.bit_length()
    value = int.from_bytes(data[at:at + length], "big")
    return (value if keep_mark else value & ((1 << 7 * length) - 1)), length


def element(identifier, body):
    return bytes.fromhex(identifier) + (len(body) | 1 << 56).to_bytes(8, "big") + body


def mkv(data):
    key = element("47e2", bytes(16))
    encryption = element("5035", element("47e1", b"\5") + key)
    encoding = element("6240", element("5031", b"\0") + element("5032", b"\1") + element("5033", b"\1") + encryption)
    encodings = element("6d80", encoding)

    def tracks(body):
        out, at = b"", 0
        while at < len(body):
            identifier, n = number(body, at, True)
            size, m = number(body, at + n, False)
            inner = body[at + n + m:at + n + m + size]
            out += element(f"{identifier:x}", inner + encodings) if identifier == 0xAE else body[at:at + n + m + size]
            at += n + m + size
        return out

    out, at = b"", 0
    while at < len(data):
        identifier, n = number(data, at, True)
        size, m = number(data, at + n, False)
        whole = data[at:at + n + m + size]
        if identifier == 0x18538067:  # the segment: of unknown length from here on
            out += data[at:at + n] + b"\1" + b"\xff" * 7
            at += n + m
            continue
        if identifier == 0x1654AE6B:
            out += element("1654ae6b", tracks(whole[n + m:]))
        elif identifier not in (0x114D9B74, 0x1C53BB6B):  # no positions
            out += whole
        at += n + m + size
    return out


def ts(data, pid=0x100):
    data = bytearray(data)
    for at in range(0, len(data) - 187, 188):
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] != pid or not data[at + 3] & 0x10:
            continue
        begin = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
        data[at + 3] |= 0x80
        for i in range(begin, at + 188):
            data[i] ^= 0x5A
    return bytes(data)


def asf(data):
    guid = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
    parts = (b"secret", b"DRM\0", b"key\0", b"http://example.org/\0")
    body = b"".join(struct.pack("<I", len(p)) + p for p in parts)
    mark = guid + struct.pack("<Q", 24 + len(body)) + body
    size, n = struct.unpack("<QI", data[16:28])
    return data[:16] + struct.pack("<QI", size + len(mark), n + 1) + data[28:30] + mark + data[30:]


def mxf(data):
    triplet = bytes.fromhex("060e2b34020401070d010301027e0100")
    key = bytes.fromhex("060e2b34010201010d010301")  # of essence elements; the item and its number follow
    assert key in data
    at = data.find(key)
    return data.replace(data[at:at + 16], triplet)


def main(argv):
    kinds = {"mxf": (mxf, 0), "dovi": (dovi, 2), "light": (light, 1), "mkv": (mkv, 0), "ts": (ts, 0), "asf": (asf, 0)}
    if len(argv) < 2 or argv[1] not in kinds or len(argv) != 4 + kinds[argv[1]][1]:
        print(__doc__, file=sys.stderr)
        return 2
    with open(argv[-2], "rb") as f:
        data = f.read()
    with open(argv[-1], "wb") as f:
        f.write(kinds[argv[1]][0](*argv[2:-2], data))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
