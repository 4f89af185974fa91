"""clips: small films made by FFmpeg or by hand, what may be done to them, and how the program's frames are held against
a plain decode. For the tests that make many. Imported, never run.

From the environment: JACQUARD, SEQDECODE, REMUX, BACKEND, MPIRUN (a command).
"""
import json
import os
import shlex
import struct
import subprocess

LIMIT = 180
# Some of it stands still, some moves, some is noise that stands still: a frame decoded upon a wrong one shows.
PICTURE = "testsrc2=s={size}:r=25,noise=alls=24:all_seed=7"
OF_FEW_COLOURS = "testsrc2=s={size}:r=25"


def run(command, limit=LIMIT):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=limit)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, b"", b"timeout")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def encode(path, options, frames, source=PICTURE, size="160x120"):
    """-> whether this ffmpeg can."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source.format(size=size), "-frames:v",
                str(frames), "-threads", "1", *shlex.split(options), "-bitexact", path], 60)
    return done.returncode == 0


def copy(path, out, *options):
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-c", "copy", "-bitexact", *options, out], 60)
    return done.returncode == 0


def remux(path, out, *options):
    """Lies and holes: tests/tools/remux.c."""
    return run([os.environ["REMUX"], *options, path, out], 60).returncode == 0


# --- the program beside a plain decode --------------------------------------------------------------------------------

class Barcode:
    """What a run of `jacquard barcode` left."""

    def __init__(self, path, every=3, ranks=1, threads=2, options=()):
        self.path = path
        out = f"{path}.{ranks}.{threads}"
        names = [out + ".png", out + ".json", out + ".txt"]
        command = [os.environ["JACQUARD"], "barcode", "--backend", os.environ.get("BACKEND", "cpu"),
                   "--progress", "none", "--every", f"{every}f", "-k", "2", "--n-init", "1", "--scale", "32x24",
                   "--threads", str(threads),
                   "-o", names[0], "--json", names[1], "--frame-hashes", names[2], *options, path]
        if ranks > 1:
            command = [*shlex.split(os.environ["MPIRUN"]), "-n", str(ranks), *command]
        done = run(command)
        self.code = done.returncode
        self.lines = [s for s in done.stderr.decode(errors="replace").splitlines() if s.startswith("jacquard: ")]
        self.errors = [s for s in self.lines if s.startswith("jacquard: error: ")]
        self.files = [read(name) if os.path.exists(name) else None for name in names]
        for name in names:
            if os.path.exists(name):
                os.remove(name)

    @property
    def hashes(self):
        return [line.split() for line in self.files[2].decode().splitlines()]

    @property
    def film(self):
        return json.loads(self.files[1])["film"]

    @property
    def notes(self):
        return [s for s in self.lines if " note: " in s]

    def said(self):
        """What it says, without the film's path."""
        line = (self.errors or self.lines or ["nothing said"])[0].removeprefix("jacquard: error: ")
        return line.replace(self.path, os.path.basename(self.path))


def plain_decode(path, every=3):
    """-> lines of frame number, time, sha256; whether the decoder refused anything."""
    done = run([os.environ["SEQDECODE"], "--every", str(every), "--", path])
    return [line.split() for line in done.stdout.decode().splitlines()], b"refused" in done.stderr


def count_frames(path):
    return int(run([os.environ["SEQDECODE"], "--count", "--", path]).stdout.decode() or 0)


def compare(want, got):
    """-> "" or what is wrong. Without timestamps the decoder has none to print, the program may count its own."""
    if len(want) != len(got):
        return f"{len(got)} sampled frames, not {len(want)}"
    wrong = [w[0] for w, g in zip(want, got) if w[0] != g[0] or w[2] != g[2]]
    if wrong:
        return f"{len(wrong)} of {len(want)} sampled frames are others, the first is {wrong[0]}"
    late = [w[0] for w, g in zip(want, got) if w[1] not in ("nopts", g[1])]
    return f"{len(late)} of {len(want)} times are others, the first is of frame {late[0]}" if late else ""


# --- MP4 --------------------------------------------------------------------------------------------------------------

def boxes(data, at=0, end=None):
    """-> (name, start, end) of the boxes from at on."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at:at + 4], "big")
        size = end - at if size == 0 else int.from_bytes(data[at + 8:at + 16], "big") if size == 1 else size
        if size < 8:
            return
        yield data[at + 4:at + 8], at, min(at + size, end)
        at += size


def fragments(data):
    """-> what precedes the first moof, and each moof with its mdat."""
    found = list(boxes(data))
    starts = [start for name, start, _ in found if name == b"moof"]
    end = max(end for name, _, end in found if name == b"mdat")
    return data[:starts[0]], [data[a:b] for a, b in zip(starts, starts[1:] + [end])]


def without_sync_table(data):
    at = data.rfind(b"stss")
    return None if at < 0 else data[:at] + b"free" + data[at + 4:]


# --- AVI --------------------------------------------------------------------------------------------------------------

def without_avi_index(data):
    at = data.rfind(b"idx1")
    return None if at < 0 else data[:at] + b"JUNK" + data[at + 4:]


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def make_avi(codec, width, height, palette, packets, keys, rate=25):
    """8 bits a pixel. palette: 256 x (r, g, b). packets: bytes, or another palette, which holds from the next packet
    on. keys: the numbers of packets that the index calls key."""
    def entries(colours):
        return b"".join(bytes((b, g, r, 0)) for r, g, b in colours)

    frames = [p for p in packets if isinstance(p, bytes)]
    header = struct.pack("<IIIIIIIIII4I", 1000000 // rate, 0, 0, 0x10, len(frames), 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIiI4h", b"vids", codec, 0, 0, 0, 0, 1, rate, 0, len(frames), 0, -1, 0,
                         0, 0, width, height)
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 8, codec, width * height, 0, 0, 256, 0)
    bitmap += entries(palette)
    movi, index, n = b"movi", b"", 0
    for p in packets:
        if isinstance(p, bytes):
            index += struct.pack("<4sIII", b"00dc", 0x10 if n in keys else 0, len(movi), len(p))
            n += 1
            movi += chunk(b"00dc", p)
        else:
            movi += chunk(b"00pc", b"\0\0\0\0" + b"".join(bytes((r, g, b, 0)) for r, g, b in p))
    lists = chunk(b"LIST", b"hdrl" + chunk(b"avih", header) +
                  chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", bitmap)))
    return chunk(b"RIFF", b"AVI " + lists + chunk(b"LIST", movi) + chunk(b"idx1", index))


# --- Matroska ---------------------------------------------------------------------------------------------------------

def without_cues(data):
    """The element becomes one of Void, of the same size: ID (1 byte) and an 8-byte size."""
    at = data.rfind(b"\x1c\x53\xbb\x6b")
    if at < 0:
        return None
    n = next((i + 1 for i in range(8) if data[at + 4] & 0x80 >> i), 8)
    whole = 4 + n + (int.from_bytes(data[at + 4:at + 4 + n], "big") & ((1 << 7 * n) - 1))
    return data[:at] + b"\xec\x01" + struct.pack(">Q", whole - 9)[1:] + data[at + 9:]


def clusters(data):
    """-> where clusters start."""
    found, at = [], data.find(b"\x1f\x43\xb6\x75")
    while at >= 0:
        found.append(at)
        at = data.find(b"\x1f\x43\xb6\x75", at + 4)
    return found


# --- RealMedia --------------------------------------------------------------------------------------------------------

def lie_in_rm(data, lie):
    """FFmpeg's muxer of RealMedia wants other packets than its demuxer gives: the flags are changed in place."""
    data = bytearray(data)
    at = data.find(b"DATA") + 18
    flags = []
    while at + 12 <= len(data) and data[at:at + 2] == b"\0\0":
        flags.append(at + 11)
        at += max(12, int.from_bytes(data[at + 2:at + 4], "big"))
    true = [data[f] for f in flags]
    for i, f in enumerate(flags):
        data[f] = 2 if lie == "all" or i == 0 else 0 if lie == "first" or i < 5 else true[i - 5]
    return bytes(data)


# --- MPEG-TS ----------------------------------------------------------------------------------------------------------

def ts_packets(data):
    return [data[i:i + 188] for i in range(0, len(data) - 187, 188)]


def ts_frames(packets):
    """-> the numbers of the transport packets of each video frame, in decode order."""
    video = None
    frames = []
    for n, p in enumerate(packets):
        pid = int.from_bytes(p[1:3], "big") & 0x1FFF
        body = 4 + (p[4] + 1 if p[3] & 0x20 else 0)
        starts = bool(p[1] & 0x40) and p[body:body + 3] == b"\0\0\1"
        if starts and video is None and p[body + 3] & 0xF0 == 0xE0:
            video = pid
        if pid == video:
            if starts:
                frames.append([])
            frames[-1].append(n)
    return frames


def without_ts_packets(packets, lost):
    lost = set(lost)
    return b"".join(p for n, p in enumerate(packets) if n not in lost)


# --- H.264 by hand ----------------------------------------------------------------------------------------------------

class Bits:
    def __init__(self):
        self.text = ""

    def u(self, n, value):
        self.text += format(value, f"0{n}b")
        return self

    def ue(self, value):
        n = (value + 1).bit_length()
        return self.u(2 * n - 1, value + 1)

    def align(self):
        self.text += "0" * (-len(self.text) % 8)
        return self

    def raw(self, data):
        self.text += "".join(format(b, "08b") for b in data)
        return self

    def nal(self, header):
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        body = int(text, 2).to_bytes(len(text) // 8, "big")
        out, zeros = bytearray(), 0
        for b in body: # emulation prevention
            if zeros >= 2 and b <= 3:
                out.append(3)
                zeros = 0
            out.append(b)
            zeros = zeros + 1 if b == 0 else 0
        return b"\0\0\0\1" + bytes([header]) + bytes(out)


def make_field_pairs(n_frames, gop=12):
    """An H.264 stream in which each field is a picture of its own (PAFF), 64x64, 25 frames a second; no encoder at hand
    makes such. Every macroblock is I_PCM. -> access units, two a frame."""
    sps = Bits().u(8, 77).u(8, 0).u(8, 30).ue(0).ue(4).ue(0).ue(4).ue(1).u(1, 0)
    sps.ue(3).ue(1).u(1, 0).u(1, 0).u(1, 1).u(1, 0)                                  # size; fields, not MBAFF
    sps.u(1, 1).u(4, 0).u(1, 1).u(32, 1).u(32, 50).u(1, 1).u(3, 0)                   # VUI: time only
    sps.u(1, 1).u(1, 1).ue(0).ue(0).ue(8).ue(8).ue(0).ue(1)                          # no reordering
    pps = Bits().ue(0).ue(0).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(0).u(1, 1).u(1, 0).u(1, 0)
    headers = sps.nal(0x67) + pps.nal(0x68)
    units = []
    for frame in range(n_frames):
        number = frame % gop
        for bottom in (0, 1):
            is_idr = number == 0 and not bottom
            s = Bits().ue(0).ue(7).ue(0).u(8, number).u(1, 1).u(1, bottom)
            if is_idr:
                s.ue(frame // gop % 2)
            s.u(8, 2 * number + bottom)
            s.u(2 if is_idr else 1, 0) # marking of references: by the window
            s.ue(0).ue(1)              # the quantizer; no deblocking
            for mb in range(8):
                luma = bytes(17 + (7 * frame + 23 * mb + 5 * bottom + 3 * (i // 16) + i % 16) % 200 for i in range(256))
                chroma = bytes(40 + (11 * frame + 31 * mb) % 160 for _ in range(128))
                s.ue(25).align().raw(luma).raw(chroma)
            unit = s.nal(0x65 if is_idr else 0x61)
            units.append((headers if is_idr else b"") + unit)
    return units
