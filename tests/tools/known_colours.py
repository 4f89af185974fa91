#!/usr/bin/env python3
"""known_colours: films whose barcode is known without computing one, and the check that a barcode is that one.

  raw rgb | raw PIXFMT | raw MATRIX RANGE PIXFMT > FILE    raw frames for `ffmpeg -f rawvideo`, 64x48
  check rgb JSON STEM HEIGHT                   side-car and the strips STEM.png, STEM.average.png, ... of the rgb film
  check PIXFMT JSON                            side-car of a film of flat colours, packed as the format says
  check MATRIX RANGE PIXFMT JSON               side-car of a film of flat YUV colours

The rgb film's frames are lists of (colour, pixels), laid out in reading order, at most 8 colours each (or two
neighbouring ones that k = 8 has to merge): the best clustering is known and unique. The expectations are computed here
from the definitions (largest remainder, sRGB curve, BT.601/709/2020, H.273's Y'CgCo, SMPTE ST 428-1), with no look at
the program's own arithmetic.
"""
import json
import struct
import sys
from fractions import Fraction

import png

W, H = 64, 48
N = W * H
EIGHT = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (255, 255, 255), (1, 2, 3)]


def rest(parts):
    """The last colour fills what is left."""
    *some, last = parts
    return some + [(last, N - sum(n for _, n in some))]


FRAMES = [
    [((200, 30, 40), N)],
    [((0, 0, 0), N)],
    [((255, 255, 255), N)],
    rest([((10, 20, 30), N // 4), (250, 240, 230)]),
    rest([(c, 100 + 37 * i) for i, c in enumerate(EIGHT[:7])] + [EIGHT[7]]),
    rest([((100 + i, 100 + i, 100 + i), 64 * (i + 1)) for i in range(7)] + [(107, 107, 107)]),
    [((0, 0, 255), N // 2), ((255, 0, 0), N // 2)],
    rest([((128, 128, 128), 1), (127, 128, 128)]),
    rest([((12, 200, 50), 256), ((10, 200, 50), 256)] + [(c, 128 + 64 * i) for i, c in enumerate(EIGHT[:6])] + [EIGHT[6]]),
    rest([(c, 384) for c in EIGHT[:7]] + [EIGHT[7]]),
    rest([((255, 255, 254), 3), ((0, 0, 1), 2), (77, 0, 0)]),
    [((0, 0, 0), N // 2), ((255, 255, 255), N // 2)],
]
# One level of each of Y, Cb, Cr per frame, 8 bit; the extremes, greys and some saturated colours.
YUV = [(16, 128, 128), (235, 128, 128), (126, 128, 128), (81, 90, 240), (145, 54, 34), (41, 240, 110), (210, 16, 146),
       (170, 166, 16), (60, 128, 100), (200, 100, 128)]
KR_KB = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}
# Pixels of one word: its struct format, bits and place of R, G, B in it.
WORDS = {"rgb555le": ("<H", (5, 5, 5), (10, 5, 0)), "rgb555be": (">H", (5, 5, 5), (10, 5, 0)),
         "bgr555le": ("<H", (5, 5, 5), (0, 5, 10)), "rgb565le": ("<H", (5, 6, 5), (11, 5, 0)),
         "rgb565be": (">H", (5, 6, 5), (11, 5, 0)), "bgr565be": (">H", (5, 6, 5), (0, 5, 11)),
         "rgb444le": ("<H", (4, 4, 4), (8, 4, 0)), "rgb444be": (">H", (4, 4, 4), (8, 4, 0)),
         "bgr444be": (">H", (4, 4, 4), (0, 4, 8)), "rgb8": ("<B", (3, 3, 2), (5, 2, 0)),
         "bgr8": ("<B", (3, 3, 2), (0, 3, 6))}
# Pixels of three words: struct format, bits, place of the lowest of them, of R, G, B or X', Y', Z'.
TRIPLES = {"rgb48be": (">H", 16, 0), "rgb48le": ("<H", 16, 0), "xyz12le": ("<H", 12, 4), "xyz12be": (">H", 12, 4)}
# Code values of SMPTE ST 428-1: D65 white of 48 cd/m2, black, the white of DCI projectors, primaries of BT.709, others.
XYZ = [(3883, 3960, 4092), (0, 0, 0), (3794, 3960, 3890), (2817, 2183, 1165), (2651, 3478, 1732), (2007, 1411, 4013),
       (1904, 2419, 1578), (2048, 2048, 2048), (300, 320, 350), (4095, 4095, 4095)]


def clusters_of(frame):
    """Expected [(rgb, count)], largest first: frame 8 has nine colours, the two that lie 2 apart become their middle."""
    if len(frame) > 8:
        (a, n), (b, m) = frame[:2]
        assert n == m
        frame = [(tuple((x + y) / 2 for x, y in zip(a, b)), n + m)] + frame[2:]
    return sorted(((tuple(map(float, c)), n) for c, n in frame), key=lambda p: (-p[1], p[0]))


def apportion(counts, height):
    rows = [Fraction(n * height, sum(counts)) for n in counts]
    whole = [int(r) for r in rows]
    by_rest = sorted(range(len(rows)), key=lambda i: (-(rows[i] - whole[i]), i))
    for i in by_rest[:height - sum(whole)]:
        whole[i] += 1
    return whole


def to_linear(v):
    v /= 255
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def to_srgb(v):
    return 255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055)


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found}, expected {wanted}")


def near(what, found, wanted, within):
    if len(found) != len(wanted) or any(abs(f - w) > within for f, w in zip(found, wanted)):
        sys.exit(f"{what}: found {found}, expected {wanted} within {within}")


def columns_of(path, n):
    document = json.load(open(path))
    same("format", (document["format"], document["version"]), ("jacquard-barcode", 1))
    columns = document["columns"]
    same("number of columns", len(columns), n)
    same("frames", [c["frame"] for c in columns], list(range(n)))
    return document, columns


def strip(stem, name, height, columns):
    path = stem + ("" if name == "kmeans" else "." + name) + ".png"
    width, tall, rows, step = png.read(path)
    same(f"size of {path}", (width, tall, step), (columns, height, 3))
    return path, [[tuple(rows[y][3 * x:3 * x + 3]) for y in range(height)] for x in range(width)]


def stack(colours, rows):
    return [c for c, n in zip(colours, rows) for _ in range(n)]


def check_rgb(path, stem, height):
    document, columns = columns_of(path, len(FRAMES))
    same("film size", (document["film"]["width"], document["film"]["height"]), (W, H))
    same("film frames", document["film"]["frames"], len(FRAMES))
    expected = {name: [] for name in ("kmeans", "average", "prominent", "least", "equal")}
    for i, (column, frame) in enumerate(zip(columns, FRAMES)):
        wanted = clusters_of(frame)
        found = [(tuple(map(float, c["rgb"])), c["count"]) for c in column["clusters"]]
        same(f"frame {i}: clusters", sorted(found, key=lambda p: (-p[1], p[0])), wanted)
        same(f"frame {i}: largest count first", [n for _, n in found], [n for _, n in wanted])
        same(f"frame {i}: inertia", float(column["inertia"]), 512.0 if len(frame) > 8 else 0.0)
        near(f"frame {i}: time", [column["time"]], [i / 25], 0.0011)
        mean = [to_srgb(sum(n * to_linear(c[ch]) for c, n in frame) / N) for ch in range(3)]
        near(f"frame {i}: mean", column["mean"], mean, 0.1)

        colours = [tuple(int(v + 0.5) for v in c) for c, _ in found]
        counts = [n for _, n in found]
        expected["kmeans"].append(stack(colours, apportion(counts, height)))
        expected["prominent"].append([colours[0]] * height)
        expected["least"].append([colours[-1]] * height)
        expected["equal"].append(stack(colours, apportion([1] * len(colours), height)))
        expected["average"].append([tuple(int(v + 0.5) for v in column["mean"])] * height)
    for name, pixels in expected.items():
        where, found = strip(stem, name, height, len(FRAMES))
        for x, (f, w) in enumerate(zip(found, pixels)):
            same(f"{where}: column {x}", f, w)


def scale_of(pixel_format):
    return (10, 4) if "10" in pixel_format else (8, 1)


def replicated(v, bits):
    """The value's bits over and over until there are 8."""
    text = format(v, f"0{bits}b")
    return int((text * 8)[:8], 2)


def codes_of(pixel_format):
    """The film's code values, a triple a frame: all set, none, middles, then some of each."""
    if pixel_format.startswith("xyz"):
        return XYZ
    bits = WORDS[pixel_format][1] if pixel_format in WORDS else [TRIPLES[pixel_format][1]] * 3
    most = [(1 << b) - 1 for b in bits]
    shares = [(1, 1, 1), (0, 0, 0), (.5, .5, .5), (1, 0, 0), (0, 1, 0), (0, 0, 1), (.2, .6, .9), (.33, .1, .7)]
    return [tuple(int(m * s + .5) for m, s in zip(most, share)) for share in shares]


def write_packed(out, pixel_format):
    for codes in codes_of(pixel_format):
        if pixel_format in WORDS:
            word, _, places = WORDS[pixel_format]
            out.write(struct.pack(word, sum(c << p for c, p in zip(codes, places))) * N)
        else:
            word, _, place = TRIPLES[pixel_format]
            out.write(b"".join(struct.pack(word, c << place) for c in codes) * N)


def solve(rows, right):
    """Cramer's rule."""
    def det(m):
        return sum(m[0][i] * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3])
                   for i in range(3))
    return [det([[b if j == i else v for j, v in enumerate(row)] for row, b in zip(rows, right)]) / det(rows)
            for i in range(3)]


def xyz_colour(codes):
    """To sRGB; white is D65 of 48 cd/m2."""
    def column(x, y):
        return [x / y, 1, (1 - x - y) / y]
    primaries = [column(*p) for p in ((.64, .33), (.30, .60), (.15, .06))]
    rows = list(zip(*primaries))
    scale = solve(rows, column(.3127, .3290))
    rows = [[v * s for v, s in zip(row, scale)] for row in rows]
    light = [52.37 / 48 * (c / 4095) ** 2.6 for c in codes]
    return [to_srgb(min(1.0, max(0.0, v))) for v in solve(rows, light)]


def check_packed(pixel_format, path):
    codes = codes_of(pixel_format)
    document, columns = columns_of(path, len(codes))
    same("pixel format", document["film"]["pixel_format"], pixel_format)
    for i, (column, code) in enumerate(zip(columns, codes)):
        if pixel_format.startswith("xyz"):
            wanted, within = xyz_colour(code), 1.0
        elif pixel_format in WORDS:
            wanted, within = [replicated(c, b) for c, b in zip(code, WORDS[pixel_format][1])], 0
        else:
            wanted, within = [c / 257 for c in code], 0.55  # half a level, and the fixed point
        name = f"{pixel_format} frame {i}"
        same(f"{name}: clusters", [c["count"] for c in column["clusters"]], [N])
        near(f"{name}: colour", column["clusters"][0]["rgb"], wanted, within)
        if i < 2:
            same(f"{name}: white or black", column["clusters"][0]["rgb"], [255 * (1 - i)] * 3)


def write_raw(out, kind):
    if kind == ["rgb"]:
        for frame in FRAMES:
            out.write(b"".join(bytes(c) * n for c, n in frame))
        return
    if len(kind) == 1:
        write_packed(out, kind[0])
        return
    _, colour_range, pixel_format = kind
    bits, step = scale_of(pixel_format)
    chroma = {"yuv420p": N // 4, "yuv422p": N // 2, "yuv444p": N}[pixel_format.removesuffix("10le").removesuffix("10be")]
    order = ">H" if pixel_format.endswith("be") else "<H"
    for y, u, v in YUV:
        for level, n in ((y, N), (u, chroma), (v, chroma)):
            out.write((struct.pack(order, level * step) if bits > 8 else bytes([level])) * n)


def check_yuv(matrix, colour_range, pixel_format, path):
    _, columns = columns_of(path, len(YUV))
    low, y_span, c_span = (16, 219, 224) if colour_range == "tv" else (0, 255, 255)
    for i, (column, (y, u, v)) in enumerate(zip(columns, YUV)):
        if matrix == "ycgco":  # chroma has luma's scale
            luma, cg, co = (y - low) / y_span, (u - 128) / y_span, (v - 128) / y_span
            r, g, b = luma - cg + co, luma + cg, luma - cg - co
        else:
            kr, kb = KR_KB[matrix]
            luma, cb, cr = (y - low) / y_span, (u - 128) / c_span, (v - 128) / c_span
            r, b = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
            g = (luma - kr * r - kb * b) / (1 - kr - kb)
        rgb = [min(255.0, max(0.0, 255 * x)) for x in (r, g, b)]
        name = f"{matrix} {colour_range} {pixel_format} frame {i}"
        same(f"{name}: clusters", [c["count"] for c in column["clusters"]], [N])
        near(f"{name}: colour", column["clusters"][0]["rgb"], rgb, 1.0)


def main(argv):
    if argv[1:2] == ["raw"] and len(argv) in (3, 5):
        write_raw(sys.stdout.buffer, argv[2:])
    elif argv[1:3] == ["check", "rgb"] and len(argv) == 6:
        check_rgb(argv[3], argv[4], int(argv[5]))
    elif argv[1:2] == ["check"] and len(argv) == 4:
        check_packed(*argv[2:])
    elif argv[1:2] == ["check"] and len(argv) == 6:
        check_yuv(*argv[2:])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
