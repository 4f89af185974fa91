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

from ciede2000 import CIELAB, check_formula, ciede2000, lab, linear, root

# ---- colours --------------------------------------------------------------------------------------------------------

OKLAB = {"cones": [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]],
         "axis": [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]], "constant": [0, 0, 0],
         "low": [0, -0.2339, -0.3116], "high": [1, 0.2763, 0.1985]}


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
