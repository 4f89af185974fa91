#!/usr/bin/env python3
"""spaces: which colour space keeps more of what one sees? Judged by CIEDE2000 between pixels and drawn colours.

dump_pixels writes the pixels of the sampled frames, jacquard clusters the same frames in each space. Here every pixel
goes to the centre that is nearest in that space (space.h, written again), and what it costs the eye is the CIEDE2000
between the pixel and its centre's sRGB colour. README.md says what is printed.

Exit code: 0 all checks hold, 1 not, 2 usage or a program failed, 77 something is missing.
"""

import argparse
import concurrent.futures
import json
import sys
import tempfile
from pathlib import Path

from common import CORES, call, find_program, need, parse_size, pick_films, read_ppm, say

need(numpy="numpy")

import numpy as np

# Sharma, Wu and Dalal (2005), table 1: L, a, b twice, and their difference.
PUBLISHED = np.array([
    [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
    [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
    [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
    [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
    [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
    [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
    [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
    [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
    [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
    [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
    [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
])


# ---- colours --------------------------------------------------------------------------------------------------------

OKLAB = {"cones": [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]],
         "axis": [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]], "constant": [0, 0, 0],
         "low": [0, -0.2339, -0.3116], "high": [1, 0.2763, 0.1985]}
CIELAB = {"cones": [[0.4338873, 0.3762240, 0.1898886], [0.2126390, 0.7151687, 0.0721923],
                    [0.0177500, 0.1094476, 0.8728023]],
          "axis": [[0, 116, 0], [500, -500, 0], [0, 200, -200]], "constant": [-16, 0, 0],
          "low": [0, -86.19, -107.87], "high": [100, 98.26, 94.49]}


def linear(levels):
    """sRGB 0..255 -> linear light 0..1."""
    v = np.asarray(levels, np.float64) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def root(model, cones):
    if model is CIELAB:
        return np.where(cones <= (6 / 29) ** 3, cones / (3 * (6 / 29) ** 2) + 4 / 29, np.cbrt(cones))
    return np.cbrt(cones)


def lab(levels):
    """sRGB 0..255 [n, 3] -> CIELAB [n, 3], in floats."""
    cones = linear(levels) @ np.array(CIELAB["cones"]).T
    return root(CIELAB, cones) @ np.array(CIELAB["axis"], np.float64).T + CIELAB["constant"]


def rounded(v):
    return np.floor(np.asarray(v) + 0.5).astype(np.int64)


class Space:
    """A space and its weight of chroma; sRGB bytes to bytes of the space, in the integers of space.h."""

    def __init__(self, text):
        self.text = text
        self.name, _, self.chroma = text.partition(":")
        if self.name not in ("srgb", "oklab", "cielab") or (self.name == "srgb") != (self.chroma == ""):
            raise ValueError(text)
        if self.name == "srgb":
            return
        model = OKLAB if self.name == "oklab" else CIELAB
        weight = np.array([1, float(self.chroma), float(self.chroma)])
        low, high = np.array(model["low"]), np.array(model["high"])
        steps = 245 / (weight * (high - low)).max()
        light = np.minimum(np.arange(1026) / 1024, 1)
        self.linear = rounded(65535 * linear(np.arange(256)))
        self.curve, self.low = rounded(65536 * root(model, light)), rounded(65536 * root(model, light / 64))
        self.cones = rounded(65536 * np.array(model["cones"]))
        self.axis = rounded(65536 * (steps * weight)[:, None] * np.array(model["axis"]))
        self.offset = rounded(65536 * (np.floor(5.5 - weight * low * steps) + steps * weight * model["constant"]))

    def options(self):
        return ["--space", self.name] + (["--chroma", self.chroma] if self.chroma else [])

    def encode(self, pixels):
        if self.name == "srgb":
            return pixels
        light = np.clip((self.linear[pixels] @ self.cones.T + 32768) >> 16, 0, 65535)
        is_low = light < 1024
        at = np.where(is_low, light * 64, light)
        step, rest = at >> 6, at & 63
        here, after = (np.where(is_low, self.low[i], self.curve[i]) for i in (step, step + 1))
        roots = here + ((after - here) * rest >> 6)
        return np.clip((roots @ self.axis.T + (self.offset << 16) + (1 << 31)) >> 32, 0, 255)


def ciede2000(one, two):
    """CIE 142-2001 with kL = kC = kH = 1, for L, a, b [n, 3]."""
    (l1, a1, b1), (l2, a2, b2) = one.T, two.T
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0 ** 7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    is_grey = c1 * c2 == 0
    turn = np.where(is_grey, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    hue = np.where(is_grey, total, np.where(np.abs(h1 - h2) <= 180, total / 2,
                                            np.where(total < 360, total / 2 + 180, total / 2 - 180)))
    t = (1 - 0.17 * np.cos(np.radians(hue - 30)) + 0.24 * np.cos(np.radians(2 * hue))
         + 0.32 * np.cos(np.radians(3 * hue + 6)) - 0.20 * np.cos(np.radians(4 * hue - 63)))
    square = (lightness - 50) ** 2
    sl = 1 + 0.015 * square / np.sqrt(20 + square)
    sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    chroma7 = chroma ** 7
    rotation = (-2 * np.sqrt(chroma7 / (chroma7 + 25.0 ** 7))
                * np.sin(np.radians(60 * np.exp(-((hue - 275) / 25) ** 2))))
    l, c, h = dl / sl, dc / sc, dh / sh
    return np.sqrt(np.maximum(l * l + c * c + h * h + rotation * c * h, 0))


def check_formula():
    one, two, want = PUBLISHED[:, :3], PUBLISHED[:, 3:6], PUBLISHED[:, 6]
    worst = max(np.abs(ciede2000(a, b) - want).max() for a, b in ((one, two), (two, one)))
    white = np.abs(lab(np.array([[255, 255, 255]])) - [100, 0, 0]).max()
    return worst < 0.00006 and white < 0.001


# ---- judging --------------------------------------------------------------------------------------------------------

def judge(ppm, columns, step):
    """One frame: [(space, k, differences of every step-th pixel, share of pixels counted in another cluster)]."""
    pixels = read_ppm(ppm)
    seen = pixels[::step]
    seen_lab, rows, coordinates = lab(seen), [], {}
    for (text, k), clusters in columns.items():
        if text not in coordinates:
            coordinates[text] = Space(text).encode(pixels).astype(np.float64)
        centres = np.array([c.get("native", c["rgb"]) for c in clusters], np.float64)
        colours = lab(np.array([c["rgb"] for c in clusters], np.float64))
        distance = (centres ** 2).sum(axis=1)[:, None] - 2 * centres @ coordinates[text].T
        label = distance.argmin(axis=0)
        counts = np.bincount(label, minlength=len(clusters))
        moved = np.abs(counts - [c["count"] for c in clusters]).sum() / 2 / len(pixels)
        rows.append((text, k, ciede2000(seen_lab, colours[label[::step]]).astype(np.float32), moved))
    return rows


def load_film(options, film, work, n_columns):
    """Each sampled frame's picture and its clusters by (space, k)."""
    pixels = Path(work) / "pixels"
    pixels.mkdir()
    sampling = ["--columns", str(n_columns), "--scale", options.scale]
    call([options.dump_pixels, str(film), str(pixels), *sampling])
    frames = {int(ppm.stem): (ppm, {}) for ppm in sorted(pixels.glob("*.ppm"))}
    side_car = Path(work) / "side-car.json"
    for space in options.spaces:
        for k in options.k:
            call([options.jacquard, "barcode", str(film), "-o", str(side_car.with_suffix(".png")), "--json",
                  str(side_car), "-k", str(k), "--force", "--crop", "none", "--progress", "none", *sampling,
                  *space.options()])
            for column in json.loads(side_car.read_text())["columns"]:
                frames[column["frame"]][1][space.text, k] = column["clusters"]
    return list(frames.values())


def parse_options():
    p = argparse.ArgumentParser(description="Which colour space keeps more of what one sees, by CIEDE2000.")
    p.add_argument("films", nargs="*", type=Path, help="films (default: those of quality.py)")
    p.add_argument("--frames", type=int, default=70, help="frames of all films together (default 70)")
    p.add_argument("-k", type=lambda s: [int(x) for x in s.split(",")], default=[3, 5, 8, 16], help="default 3,5,8,16")
    p.add_argument("--spaces", type=lambda s: [Space(x) for x in s.split(",")],
                   default=[Space(x) for x in ("srgb", "oklab:1", "oklab:2", "cielab:1")],
                   help="srgb first, each other with its chroma (default srgb,oklab:1,oklab:2,cielab:1)")
    p.add_argument("--step", type=int, default=7, help="every how manieth pixel is judged (default 7)")
    p.add_argument("--scale", default="480x270", help="as for jacquard (default 480x270)")
    p.add_argument("--by-film", action="store_true", help="the ratios of each film too")
    p.add_argument("--jobs", type=int, default=CORES, help=f"frames judged at a time (default {CORES})")
    p.add_argument("--out", type=Path, help="keeps every figure as JSON")
    p.add_argument("--jacquard", help="the program (default: JACQUARD, else under build*)")
    p.add_argument("--dump-pixels", help="the program (default: DUMP_PIXELS, else under build*)")
    options = p.parse_args()
    if options.spaces[0].name != "srgb":
        p.error("--spaces begins with srgb, which the others are compared with")
    if min(options.frames, options.step, options.jobs, *options.k) < 1:
        p.error("--frames, --step, --jobs and -k are at least 1")
    try:
        parse_size(options.scale)
    except ValueError:
        p.error(f"--scale {options.scale}: WIDTHxHEIGHT is wanted")
    return options


def main():
    options = parse_options()
    options.jacquard = find_program("jacquard", options.jacquard)
    options.dump_pixels = find_program("dump_pixels", options.dump_pixels)
    if not check_formula():
        say("FAILED: CIEDE2000 is not that of Sharma, Wu and Dalal")
        return 1
    differences, films, moved, n_frames = {}, {}, {}, 0
    for film, n in pick_films(options.films, options.frames):
        say(f"jacquard: {film.name}, {n} frames, k = {', '.join(map(str, options.k))}")
        with tempfile.TemporaryDirectory(prefix="jacquard-spaces.") as work:
            frames = load_film(options, film, work, n)
            n_frames += len(frames)
            with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
                for rows in pool.map(judge, *zip(*frames), [options.step] * len(frames)):
                    for text, k, d, away in rows:
                        differences.setdefault((text, k), []).append(d)
                        films.setdefault((text, k), {}).setdefault(film.name, []).append(float(d.mean()))
                        moved[text] = max(moved.get(text, 0), float(away))

    base, results = options.spaces[0].text, []
    n_pixels = sum(map(len, differences[base, options.k[0]]))
    print(f"{n_frames} frames of {len(films[base, options.k[0]])} films, every {options.step}th pixel ({n_pixels})")
    print(f"{'space':<12}{'k':>3}{'mean dE00':>11}{'p95 dE00':>10}{'mean / srgb':>13}{'p95 / srgb':>12}"
          f"{'frames below srgb':>19}")
    for k in options.k:
        reference = differences[base, k]
        for space in options.spaces:
            own = differences[space.text, k]
            mean, p95 = ([float(f(np.concatenate(d).astype(np.float64))) for d in (own, reference)]
                         for f in (np.mean, lambda x: np.percentile(x, 95)))
            below = np.mean([a.mean(dtype=np.float64) < b.mean(dtype=np.float64) for a, b in zip(own, reference)])
            by_film = {name: float(np.mean(d) / np.mean(films[base, k][name]))
                       for name, d in films[space.text, k].items()}
            results.append({"space": space.text, "k": k, "mean": mean[0], "p95": p95[0], "mean/srgb": mean[0] / mean[1],
                            "p95/srgb": p95[0] / p95[1], "frames_below": float(below), "films": by_film})
            print(f"{space.text:<12}{k:>3}{mean[0]:11.3f}{p95[0]:10.3f}{mean[0] / mean[1]:13.3f}"
                  f"{p95[0] / p95[1]:12.3f}" + (f"{100 * below:17.0f} %" if space.text != base else ""))
            if options.by_film and space.text != base:
                for name, r in by_film.items():
                    print(f"      {name[:40]:<42}{r:.3f}")
    print("pixels counted in another cluster than the program's, worst frame: "
          + ", ".join(f"{text} {100 * share:.2f} %" for text, share in moved.items()))
    passed = max(moved.values()) <= 0.002
    print("passed" if passed else "FAILED: the space here is not the program's")
    if options.out:
        options.out.write_text(json.dumps({"frames": n_frames, "pixels": n_pixels, "scale": options.scale,
                                           "moved": moved, "results": results}, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
