#!/usr/bin/env python3
"""hdr: flat frames of HDR and wide gamut colours, and what sRGB they become, by the formulas of the standards in double
precision: SMPTE ST 2084, ARIB STD-B67, ITU-R BT.2100, BT.2020, BT.2390, BT.2408, SMPTE EG 432-1, IEC 61966-2-1.
usage: hdr.py raw SEED > FRAMES.yuv      48 frames, 64x48, yuv420p10le, limited range
       hdr.py check SEED SIDECAR TRANSFER PRIMARIES PEAK MATRIX      largest error; fails above one level"""
import json
import math
import random
import sys

FRAMES, WIDTH, HEIGHT = 48, 64, 48
PRIMARIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "display-p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
D65 = (0.3127, 0.3290)
KR_KB = {"bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}


def colours(seed):
    """Y, Cb, Cr of each frame: greys first, then any that R'G'B' can be."""
    rng = random.Random(seed)
    found = [(64 + 876 * i // 15, 512, 512) for i in range(16)]
    while len(found) < FRAMES:
        rgb = [rng.random() for _ in range(3)]
        y = 0.2627 * rgb[0] + 0.678 * rgb[1] + 0.0593 * rgb[2]
        found.append((round(64 + 876 * y), round(512 + 896 * (rgb[2] - y) / 1.8814), round(512 + 896 * (rgb[0] - y) / 1.4746)))
    return found


def write_raw(seed):
    for y, u, v in colours(seed):
        sys.stdout.buffer.write(y.to_bytes(2, "little") * (WIDTH * HEIGHT))
        sys.stdout.buffer.write(u.to_bytes(2, "little") * (WIDTH * HEIGHT // 4))
        sys.stdout.buffer.write(v.to_bytes(2, "little") * (WIDTH * HEIGHT // 4))


def inverse(m):
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return [[(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
            [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
            [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det]]


def times(m, v):
    return [sum(x * y for x, y in zip(row, v)) for row in m]


def xyz(xy):
    return [xy[0] / xy[1], 1.0, (1.0 - xy[0] - xy[1]) / xy[1]]


def to_xyz(primaries):
    columns = [xyz(p) for p in primaries]
    m = [[c[i] for c in columns] for i in range(3)]
    scale = times(inverse(m), xyz(D65))
    return [[row[i] * scale[i] for i in range(3)] for row in m]


M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def pq_light(code):
    n = code ** (1 / M2)
    return 10000 * (max(n - C1, 0) / (C2 - C3 * n)) ** (1 / M1)


def pq_code(light):
    y = (light / 10000) ** M1
    return ((C1 + C2 * y) / (1 + C3 * y)) ** M2


def hlg_scene(code):
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * math.log(4 * a)
    return code * code / 3 if code <= 0.5 else (math.exp((code - c) / a) + b) / 12


def srgb_light(code):
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def rolled_off(light, peak):
    top = pq_code(peak)
    most = pq_code(203) / top
    knee = 1.5 * most - 0.5
    e = pq_code(min(light, peak)) / top
    if most >= 1 or e < knee:
        return min(light, 203)
    t = (e - knee) / (1 - knee)
    p = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return pq_light(p * top)


def expected(colour, transfer, primaries, peak, matrix):
    kr, kb = KR_KB[matrix]
    y, cb, cr = (colour[0] - 64) / 876, (colour[1] - 512) / 896, (colour[2] - 512) / 896
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    code = [min(max(v, 0), 1) for v in (r, g, b)]
    if transfer == "pq":
        light = [pq_light(v) for v in code]
    elif transfer == "hlg":
        scene = [hlg_scene(v) for v in code]
        luminance = 0.2627 * scene[0] + 0.678 * scene[1] + 0.0593 * scene[2]
        light = [1000 * luminance**0.2 * v if luminance > 0 else 0 for v in scene]
    else:
        light = [203 * srgb_light(v) for v in code]
    light = times(inverse(to_xyz(PRIMARIES["bt709"])), times(to_xyz(PRIMARIES[primaries]), light))
    luminance = max(0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2], 0)
    share = min([1] + [luminance / (luminance - v) for v in light if v < -1e-9])
    light = [luminance + share * (v - luminance) for v in light]
    most = max(light)
    if most > 0:
        shown = min(most, 203) if transfer == "sdr" else rolled_off(most, 1000 if transfer == "hlg" else peak)
        light = [v * shown / most for v in light]
    light = [min(max(v / 203, 0), 1) for v in light]
    return [255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055) for v in light]


def check(seed, path, transfer, primaries, peak, matrix):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    worst = 0
    for colour, column in zip(colours(seed), document["columns"], strict=True):
        wanted = expected(colour, transfer, primaries, peak, matrix)
        error = max(abs(found - want) for found, want in zip(column["mean"], wanted))
        if error > 1:
            sys.exit(f"{path}: {colour}: wanted {wanted}, found {column['mean']}")
        worst = max(worst, error)
    print(f"{transfer} {primaries} {peak} {matrix}: at most {worst:.3f} levels off")


if sys.argv[1] == "raw":
    write_raw(int(sys.argv[2]))
else:
    check(int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5], int(sys.argv[6]), sys.argv[7])
