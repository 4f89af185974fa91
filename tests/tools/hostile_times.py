#!/usr/bin/env python3
"""hostile_times: films whose pictures are whole and whose timestamps are not, and a check of what the program makes of
them. Small films are made by FFmpeg; their times are written anew, by hand: MKV, fragmented MP4, MP4 with tables, TS, FLV,
IVF and AVI with times at the ends of their numbers, wrapping, falling, equal, far apart, at random, with huge or no
lengths, in clocks that are far too fast or too slow. Film number I is the same everywhere.

usage: hostile_times.py make FOLDER N           films number 0 .. N - 1
       hostile_times.py check FOLDER SECONDS MB PROGRAM [OPTION...]

check: `PROGRAM barcode FILM OPTION... --every 1s`, then `--every 24f`, of each film in the folder. Demands the exit code 0
or 3, or 2 where there would be too many columns; one line that says why; no output then, else times that do not fall; no
word from a sanitizer; that it takes no more than so many seconds and MB of memory.
"""
import math
import os
import random
import re
import struct
import subprocess
import sys
import time

N_FRAMES = 24
ENDS = [0, 1, 2, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**33 - 1, 2**33, 2**40, 2**53, 2**56, 2**61, 2**61 + 1, 2**62,
        2**63 - 2, 2**63 - 1]


# --- times ------------------------------------------------------------------------------------------------------------

def make_times(rng, step, bits):
    """-> N_FRAMES times, signed, such as a clock of so many bits can tell or nearly."""
    even = [i * step for i in range(N_FRAMES)]
    top = 1 << min(bits, 63)
    kind = rng.randrange(12)
    if kind == 0:  # the ends of numbers
        return [rng.choice(ENDS) * rng.choice((1, -1)) for _ in even]
    if kind == 1:  # anything
        return [rng.randrange(-top, top) for _ in even]
    if kind == 2:  # sane, but for one or two
        for _ in range(rng.randrange(1, 3)):
            even[rng.randrange(N_FRAMES)] = rng.choice(ENDS) * rng.choice((1, -1))
        return even
    if kind == 3:  # a jump, forward or back
        at, by = rng.randrange(1, N_FRAMES), rng.choice((1, -1)) << rng.randrange(bits)
        return [t + (by if i >= at else 0) for i, t in enumerate(even)]
    if kind == 4:  # through the end of the clock
        return [top - N_FRAMES // 2 * step + t for t in even]
    if kind == 5:  # falling
        return [t + rng.choice(ENDS) // 2 for t in even[::-1]]
    if kind == 6:  # equal, all or in pairs
        each = rng.choice((2, 2, N_FRAMES))
        return [i // each * step for i in range(N_FRAMES)]
    if kind == 7:  # ever further apart
        return [i**rng.choice((3, 5, 9)) * step for i in range(N_FRAMES)]
    if kind == 8:  # before zero
        return [t - rng.choice((1, 1000, 2**20)) * step for t in even]
    if kind == 9:  # far away, evenly
        return [t + rng.choice((2**61, 2**62, 2**63 - 1000 * step, -2**62)) for t in even]
    if kind == 10:  # doubling
        return [1 << (i * (bits - 1) // N_FRAMES) for i in range(N_FRAMES)]
    return [sum(rng.choice((0, step, -step, 1 << rng.randrange(bits))) for _ in range(3)) for _ in even]


# --- Matroska (RFC 8794, RFC 9559) --------------------------------------------------------------------------------------

def read_ebml(data, start=0, end=None):
    """-> (id, payload start, payload end) of each element."""
    at, end = start, len(data) if end is None else end
    while at < end:
        length = 9 - data[at].bit_length()
        element = int.from_bytes(data[at:at + length], "big")
        at += length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at:at + length], "big") & ((1 << 7 * length) - 1)
        at += length
        stop = end if size == (1 << 7 * length) - 1 else min(at + size, end)
        yield element, at, stop
        at = stop


def element(identity, payload):
    length = (identity.bit_length() + 7) // 8
    return identity.to_bytes(length, "big") + (len(payload) | 1 << 56).to_bytes(8, "big") + payload


def number(identity, value):
    return element(identity, (value % 2**64).to_bytes(8, "big"))


def make_mkv(rng, base):
    head = tracks = None
    blocks = []
    for identity, start, end in read_ebml(base):
        if identity == 0x1A45DFA3:
            head = element(identity, base[start:end])
        if identity != 0x18538067:
            continue
        for part, a, b in read_ebml(base, start, end):
            if part == 0x1654AE6B:
                tracks = element(part, base[a:b])
            if part == 0x1F43B675:
                for block, c, d in read_ebml(base, a, b):
                    if block == 0xA3:
                        blocks.append((base[c + 3], base[c + 4:d]))
                    if block == 0xA0:
                        blocks += [(0, base[e + 4:f]) for g, e, f in read_ebml(base, c, d) if g == 0xA1]
    scale = rng.choice((10**6,) * 12 + (1, 1, 1000, 10**9, 10**9, 2 * 10**9, 2**31, 2**63 - 1, 2**64 - 1, 0))
    times = make_times(rng, 40, 64)
    info = number(0x2AD7B1, scale) + element(0x4D80, b"t") + element(0x5741, b"t")
    if rng.random() < 0.5:
        info += element(0x4489, struct.pack(">d", rng.choice((0.0, 1e3, 1e18, 1e300, math.inf, math.nan, -5.0))))
    body = element(0x1549A966, info) + tracks
    for (flags, payload), t in zip(blocks, times):
        relative = rng.choice((0, 0, 0, 0, 0, -32768, 32767, -1)) if rng.random() < 0.3 else 0
        block = b"\x81" + struct.pack(">h", relative)
        if rng.random() < 0.3:
            duration = number(0x9B, rng.choice(ENDS + [2**64 - 1, 40]))
            block = element(0xA0, element(0xA1, block + b"\0" + payload) + duration +
                            (b"" if flags & 0x80 else number(0xFB, 0)))
        else:
            block = element(0xA3, block + bytes([flags]) + payload)
        body += element(0x1F43B675, number(0xE7, t) + block)
    return head + element(0x18538067, body)


# --- MP4 (ISO 14496-12) ---------------------------------------------------------------------------------------------------

def find_boxes(data, name):
    """-> where each box's payload starts, of whatever looks like one."""
    at = data.find(name)
    while at >= 0:
        size = int.from_bytes(data[at - 4:at], "big")
        if 8 <= size <= len(data) - at + 4:
            yield at + 4, at - 4 + size
        at = data.find(name, at + 4)


def patch_clock(rng, data):
    for start, _ in find_boxes(data, b"mdhd"):
        struct.pack_into(">I", data, start + 12, rng.choice((1, 25, 12800, 2**31 - 1, 2**31, 2**32 - 1, 0, 90000)))


def make_fragmented(rng, base):
    data = bytearray(base)
    times = make_times(rng, 512, 64)
    for (start, _), t in zip(find_boxes(base, b"tfdt"), times):
        if data[start] == 1:
            struct.pack_into(">Q", data, start + 4, t % 2**64)
        else:
            struct.pack_into(">I", data, start + 4, t % 2**32)
    for start, end in find_boxes(base, b"trun"):
        flags = int.from_bytes(data[start + 1:start + 4], "big")
        at = start + 8 + 4 * (flags & 1) + (flags >> 2 & 1) * 4
        for i in range(int.from_bytes(data[start + 4:start + 8], "big")):
            for bit in (0x100, 0x200, 0x400, 0x800):
                if flags & bit and at + 4 <= end:
                    if bit in (0x100, 0x800) and rng.random() < 0.3:
                        struct.pack_into(">I", data, at, rng.choice(ENDS[:8]) % 2**32)
                    at += 4
    for start, end in find_boxes(base, b"tfhd"):  # the length where a run has none: the last field but two or so
        if rng.random() < 0.3 and end - start >= 16:
            struct.pack_into(">I", data, end - 12, rng.choice(ENDS[:8]) % 2**32)
    if rng.random() < 0.5:
        patch_clock(rng, data)
    return bytes(data)


def make_tabled(rng, base):
    data = bytearray(base)
    for name, width in ((b"stts", 8), (b"ctts", 8)):
        for start, end in find_boxes(base, name):
            for at in range(start + 8, end - width + 1, width):
                if rng.random() < 0.5:
                    value = rng.choice(ENDS[:8] + [rng.randrange(2**32), 2**32 - 512])
                    struct.pack_into(">I", data, at + 4, value % 2**32)
    for start, end in find_boxes(base, b"elst"):
        for at in range(start + 8, end - 11, 12):
            if rng.random() < 0.5:
                struct.pack_into(">Ii", data, at, rng.choice(ENDS[:8]) % 2**32, rng.choice((0, -1, 2**31 - 1, -2**31)))
    if rng.random() < 0.7:
        patch_clock(rng, data)
    return bytes(data)


# --- MPEG-TS (ISO 13818-1), FLV, IVF, AVI ---------------------------------------------------------------------------------

def make_ts(rng, base):
    data = bytearray(base)
    times = iter(make_times(rng, 3600, 33))
    for at in range(0, len(data) - 187, 188):
        if not data[at + 1] & 0x40:
            continue
        start = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
        if data[start:start + 3] != b"\0\0\1" or data[start + 3] >> 4 != 0xE:
            continue
        t = next(times, 0)
        flags, field = data[start + 7] >> 6, start + 9
        for mark, value in ((flags, t), (1, t - rng.choice((0, 0, 3600, 2**32))))[:flags - 1 if flags > 1 else 0]:
            value %= 2**33
            data[field:field + 5] = bytes([mark << 4 | value >> 29 & 14 | 1, value >> 22 & 255, value >> 14 & 254 | 1,
                                           value >> 7 & 255, value << 1 & 254 | 1])
            field += 5
    return bytes(data)


def make_flv(rng, base):
    data = bytearray(base)
    times = iter(make_times(rng, 40, 32))
    at = 13
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big")
        if data[at] == 9:
            t = next(times, 0) % 2**32
            data[at + 4:at + 8] = bytes([t >> 16 & 255, t >> 8 & 255, t & 255, t >> 24])
            if rng.random() < 0.2 and data[at + 12] == 1:
                data[at + 13:at + 16] = rng.choice((b"\x7f\xff\xff", b"\x80\0\0", b"\xff\xff\xff"))
        at += 11 + size + 4
    return bytes(data)


def make_ivf(rng, base):
    data = bytearray(base)
    times = iter(make_times(rng, 1, 64))
    if rng.random() < 0.7:
        clock = (1, 25, 2**31 - 1, 2**31, 2**32 - 1, 0)
        struct.pack_into("<II", data, 16, rng.choice(clock), rng.choice(clock))
    at = 32
    while at + 12 <= len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        struct.pack_into("<Q", data, at + 4, next(times, 0) % 2**64)
        at += 12 + size
    return bytes(data)


def make_avi(rng, base):
    data = bytearray(base)
    clock = (1, 25, 2**31 - 1, 2**31, 2**32 - 1, 0)
    at = data.find(b"strh") + 8
    struct.pack_into("<II", data, at + 20, rng.choice(clock), rng.choice(clock))  # scale, rate
    struct.pack_into("<I", data, at + 28, rng.choice((0, 1, 2**31 - 1, 2**32 - 1)))  # start
    struct.pack_into("<I", data, data.find(b"avih") + 8, rng.choice(clock))  # microseconds a frame
    return bytes(data)


# --- films ----------------------------------------------------------------------------------------------------------------

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "8"]
MPEG4 = ["-c:v", "mpeg4", "-q:v", "5", "-g", "6", "-bf", "2"]
FRAGMENTS = ["-movflags", "+frag_every_frame+empty_moov"]
UNEVEN = ["-bsf:v", "setts=ts=TS+mod(N\\,2)"]
KINDS = [  # how many of ten, its maker, its bases: ending, options of FFmpeg
    (4, make_mkv, [("mkv", MPEG4), ("mkv", X264 + ["-bf", "2"]), ("mkv", ["-c:v", "mjpeg"])]),
    (2, make_fragmented, [("mp4", X264 + ["-bf", "2"] + FRAGMENTS), ("mp4", MPEG4 + FRAGMENTS)]),
    (1, make_tabled, [("mp4", X264 + ["-bf", "2"] + UNEVEN), ("mov", MPEG4 + UNEVEN)]),
    (1, make_ts, [("ts", ["-c:v", "mpeg2video", "-g", "6", "-bf", "2"]), ("ts", X264 + ["-bf", "2"])]),
    (1, make_flv, [("flv", X264 + ["-bf", "2"]), ("flv", ["-c:v", "flv1", "-g", "6"])]),
    (1, None, [("ivf", ["-c:v", "libvpx", "-g", "6", "-deadline", "realtime"]), ("avi", MPEG4[:-2])]),
]


def make_base(folder, name, ending, options):
    path = os.path.join(folder, f".base-{name}.{ending}")
    if not os.path.exists(path):
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                        f"testsrc2=s=64x48:r=25:d={N_FRAMES / 25}", "-threads", "1", "-fflags", "+bitexact",
                        *options, path], check=True)
    with open(path, "rb") as file:
        return file.read()


def make(folder, n):
    turns = [k for k, kind in enumerate(KINDS) for _ in range(kind[0])]
    for i in range(n):
        rng = random.Random(i)
        k = turns[i % len(turns)]
        bases = KINDS[k][2]
        which = i // len(turns) % len(bases)
        ending, options = bases[which]
        maker = KINDS[k][1] or {"ivf": make_ivf, "avi": make_avi}[ending]
        film = maker(rng, make_base(folder, f"{k}-{which}", ending, options))
        with open(os.path.join(folder, f"{i:03}.{ending}"), "wb") as file:
            file.write(film)
    for name in os.listdir(folder):
        if name.startswith(".base-"):
            os.unlink(os.path.join(folder, name))


# --- the check ------------------------------------------------------------------------------------------------------------

def run(command, seconds):
    """-> exit code (None: it took too long), stderr, seconds, MB."""
    started = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        timer = subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -9 {child.pid}"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        text = child.stderr.read().decode("utf-8", "replace")
        _, how, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(how)
        took = time.monotonic() - started
        os.killpg(timer.pid, 9)
        timer.wait()
    return None if took >= seconds else child.returncode, text, took, usage.ru_maxrss / 1024


def read_times(path):
    """Line by line: this process must stay small, its memory counts as that of a child that it starts."""
    times, seconds = [], math.nan
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = re.match(r'\{"frame":\d+,"pts":-?\d+,"time":([^,]+),', line)
            if found:
                times.append(float(found[1]))
            elif math.isnan(seconds) and '"seconds":' in line:
                seconds = float(re.search(r'"seconds":([^,}]+)', line)[1])
    return times, seconds


def faults(code, text, outputs):
    errors = [line for line in text.splitlines() if line.startswith("jacquard: error: ")]
    there = [path for path in outputs if os.path.exists(path)]
    if code is None:
        yield "takes too long"
    elif code not in (0, 2, 3):
        yield f"exit code {code}"
    if "runtime error" in text or "Sanitizer" in text:
        yield "a sanitizer's report"
    if code == 0 and (errors or len(there) < len(outputs)):
        yield "done, with errors or without outputs"
    if code in (2, 3) and (len(errors) != 1 or there):
        yield f"{len(errors)} error lines, {len(there)} outputs"
    if code == 2 and "columns are too many" not in text:
        yield "exit code 2 for another reason than the number of columns"
    if code == 0 and not errors and len(there) == len(outputs):
        times, seconds = read_times(outputs[1])
        if any(not math.isfinite(t) or t < 0 for t in times) or not times or not seconds >= times[-1]:
            yield f"times out of range: {times[:3]} ... {times[-1:]}, of {seconds} s"
        if any(b < a for a, b in zip(times, times[1:])):
            yield "times fall"


def check(folder, seconds, most_mb, command):
    n_bad, codes, worst = 0, {}, (0.0, 0.0)
    films = sorted(name for name in os.listdir(folder) if name[0].isdigit())
    outputs = [os.path.join(folder, "out.png"), os.path.join(folder, "out.json")]
    for name in films:
        for every in ("1s", "24f"):
            for path in outputs:
                if os.path.exists(path):
                    os.unlink(path)
            code, text, took, mb = run([command[0], "barcode", os.path.join(folder, name), *command[1:], "--every", every,
                                        "-o", outputs[0], "--json", outputs[1]], seconds)
            wrong = list(faults(code, text, outputs))
            if mb > most_mb:
                wrong.append(f"{mb:.0f} MB")
            if wrong:
                n_bad += 1
                print(f"{name} --every {every}: {'; '.join(wrong)}\n    " + text.strip().replace("\n", "\n    ")[-600:])
            codes[code] = codes.get(code, 0) + 1
            worst = max(worst[0], took), max(worst[1], mb)
    print(f"{len(films)} films, exit codes {codes}, at most {worst[0]:.1f} s and {worst[1]:.0f} MB: {n_bad} wrong")
    return n_bad > 0 or not films or 0 not in codes


if len(sys.argv) == 4 and sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
elif len(sys.argv) > 5 and sys.argv[1] == "check":
    sys.exit(check(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))
else:
    sys.exit(__doc__)
