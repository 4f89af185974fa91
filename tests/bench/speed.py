#!/usr/bin/env python3
"""speed: jacquard end to end beside the seed's pipeline and beside pure decoding, on one film, in one run.

Measured whole: jacquard (median of --runs), `ffmpeg -f null` (the decoding floor), OpenCV's linear grab of every frame.
Measured on some columns spread over the film, and multiplied: the seed's retrieve, resize, k-means and painting; the
whole-film time of the seed is therefore an estimate, given with its uncertainty (--columns 0 measures every column).
README.md says what is printed.
"""

import argparse
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import CORES, find_program, leave, need, parse_size

need(numpy="numpy", sklearn="scikit-learn", threadpoolctl="threadpoolctl", cv2="opencv-python-headless", PIL="pillow")

import cv2
import numpy as np
import sklearn

from seed_pipeline import Stopwatch, cluster, open_film, paint, sample_list, sampled_frames, shrink

DEFAULT_FIT = (480, 270)  # what jacquard clusters unless told otherwise: a quarter of 1080p


def say(text):
    print(text, file=sys.stderr, flush=True)


def timed_run(command):
    """-> (wall seconds, CPU seconds of the process and its children, stderr). Leaves when the command fails."""
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read()
    if process.returncode != 0:
        last = (text.strip().splitlines() or ["(nothing on stderr)"])[-1]
        leave(2, f"{Path(command[0]).name} failed with {process.returncode}: {last}\n  {shlex.join(command)}")
    return wall, usage.ru_utime + usage.ru_stime, text


def fit(width, height):
    """The size within DEFAULT_FIT that keeps the shape; never larger than the film."""
    shrinkage = min(1.0, DEFAULT_FIT[0] / width, DEFAULT_FIT[1] / height)
    return max(1, math.floor(width * shrinkage + 0.5)), max(1, math.floor(height * shrinkage + 0.5))


def text_size(size):
    return f"{size[0]}x{size[1]}"


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


class Runs:
    """Wall and CPU seconds of repeated runs of one command."""

    def __init__(self, name, command):
        self.name, self.command, self.wall, self.cpu, self.stderr = name, command, [], [], ""

    def once(self):
        wall, cpu, self.stderr = timed_run(self.command)
        self.wall.append(wall)
        self.cpu.append(cpu)

    def median(self):
        return statistics.median(self.wall)

    def text(self):
        return (f"{self.median():9.2f} s  ({min(self.wall):.2f} .. {max(self.wall):.2f} in {len(self.wall)} runs; "
                f"CPU {statistics.median(self.cpu):.2f} s)")

    def as_json(self):
        return {"command": self.command, "wall": self.wall, "cpu": self.cpu, "median": self.median()}


def seed_columns(pictures, size, k, unique, threads):
    """Seconds of resize + k-means + painting of each picture."""
    image = np.zeros((math.lcm(*range(1, k + 1)) * 2, len(pictures), 3), np.uint8)
    seconds = []
    for i, picture in enumerate(pictures):
        start = time.perf_counter()
        paint(image, i, 1, *cluster(shrink(picture, size), k, unique=unique, seed=i, threads=threads))
        seconds.append(time.perf_counter() - start)
    return seconds


def seed_estimate(grab, retrieve, seconds, n_columns):
    """Whole-film seconds of the seed, and half the width of its 95 % interval (0 when every column was measured)."""
    mean = statistics.fmean(seconds)
    total = grab + n_columns * (retrieve + mean)
    if len(seconds) >= n_columns:
        return total, 0.0
    error = statistics.stdev(seconds) / math.sqrt(len(seconds)) if len(seconds) > 1 else float("nan")
    return total, 1.96 * error * n_columns


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("film", type=Path)
    p.add_argument("--columns", type=int, default=12, help="columns the seed computes (default 12; 0 = all of them)")
    p.add_argument("--runs", type=int, default=5, help="runs of jacquard and of ffmpeg (default 5)")
    p.add_argument("--every", type=int, default=24, help="frames from sample to sample (default 24)")
    p.add_argument("-k", type=int, default=8, help="clusters (default 8)")
    p.add_argument("--scale", type=parse_size, help="WxH for both (default: fitted in 480x270, and a quarter)")
    p.add_argument("--no-unique", action="store_true", help="leave out the seed with unique colours and weights")
    p.add_argument("--backend", default="cpu", help="backend of jacquard (default cpu)")
    p.add_argument("--ours", default="", help="more options for jacquard barcode, e.g. --ours='--threads 1'")
    p.add_argument("--jacquard", help="the program (default: JACQUARD, else under build*)")
    p.add_argument("--out", type=Path, help="also write everything as JSON to this file")
    options = p.parse_args()
    if min(options.runs, options.every, options.k) < 1 or options.columns < 0:
        p.error("numbers are at least 1")
    return options


def main():
    options = parse_options()
    if not options.film.is_file():
        leave(77, f"no such film: {options.film}")
    jacquard = find_program("jacquard", options.jacquard)
    if subprocess.run(["sh", "-c", "command -v ffmpeg"], stdout=subprocess.DEVNULL).returncode != 0:
        leave(77, "needs ffmpeg for the decoding floor")
    film = open_film(options.film)
    n_frames = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    whole = (int(film.get(cv2.CAP_PROP_FRAME_WIDTH)), int(film.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    n_columns = len(sample_list(n_frames, options.every))
    if n_columns == 0:
        leave(2, f"{options.film}: OpenCV counts {n_frames} frames")
    quarter = (round(whole[0] * 0.25), round(whole[1] * 0.25))  # as cv2.resize(fx=0.25, fy=0.25) rounds
    sizes = [options.scale] if options.scale else list(dict.fromkeys([fit(*whole), quarter]))
    load = os.getloadavg()[0]
    busy = " (BUSY: do not quote)" if load > 0.5 else ""
    print(f"{options.film.name}: {n_frames} frames of {text_size(whole)}, every {options.every} -> "
          f"{n_columns} columns, k = {options.k}")
    print(f"{processor()}, {CORES} cores, load {load:.2f} before the start{busy}; "
          f"scikit-learn {sklearn.__version__}, OpenCV {cv2.__version__}")

    with open(options.film, "rb") as file:  # into the page cache, for all alike
        while file.read(1 << 24):
            pass
    floor = Runs("ffmpeg", ["ffmpeg", "-nostdin", "-v", "error", "-i", str(options.film), "-map", "0:v:0",
                            "-fps_mode", "passthrough", "-f", "null", "-"])
    with tempfile.TemporaryDirectory(prefix="jacquard-speed.") as work:
        side_car = Path(work) / "x.json"
        ours = {size: Runs("jacquard", [
            jacquard, "barcode", str(options.film), "-o", str(Path(work) / "x.png"), "--json", str(side_car), "--force",
            "--every", f"{options.every}f", "-k", str(options.k), "--scale", text_size(size),
            "--backend", options.backend, "--progress", "log", *shlex.split(options.ours)]) for size in sizes}
        for i in range(options.runs):  # in turn, so that a busy moment hits all
            say(f"run {i + 1} of {options.runs}: jacquard, ffmpeg")
            for size, runs in ours.items():
                runs.once()
                columns = json.loads(side_car.read_text())["columns"]
                pixels = sum(c["count"] for c in columns[0]["clusters"])
                if i == 0 and (pixels != size[0] * size[1] or len(columns) != n_columns):
                    say(f"note: jacquard made {len(columns)} columns of {pixels} pixels, the seed {n_columns} of "
                        f"{size[0] * size[1]}")
            floor.once()

    say("OpenCV: linear grab of the whole film")
    watch = Stopwatch()
    samples = sample_list(n_frames, options.every, options.columns or None)
    pictures = [picture for _, picture in sampled_frames(film, samples, watch)]
    grab, retrieve = watch.seconds["grab"], watch.seconds["retrieve"] / len(pictures)

    print(f"\ndecoding alone, ffmpeg -f null    {floor.text()}")
    print(f"decoding alone, OpenCV grab       {grab:9.2f} s")
    # As it comes scikit-learn takes all cores; on few or shared cores its threads can cost more than they give.
    variants = []
    for unique in (False, True)[:1 if options.no_unique else 2]:
        for threads in dict.fromkeys([CORES, 1]):
            name = f"seed{', unique colours' if unique else ''}, {threads} thread{'s' if threads > 1 else ''}"
            variants.append((name, unique, threads))
    results = []
    for size, runs in ours.items():
        print(f"\n{text_size(size)}{' (a quarter of each side, as the seed has it)' if size == quarter else ''}")
        print(f"  jacquard, end to end            {runs.text()}")
        print(f"  jacquard / ffmpeg -f null       {runs.median() / floor.median():9.2f}")
        row = {"size": size, "ours": runs.as_json(), "ours_over_floor": runs.median() / floor.median(), "seed": []}
        for name, unique, threads in variants:
            say(f"{name} at {text_size(size)}: {len(pictures)} columns")
            seconds = seed_columns(pictures, size, options.k, unique, threads)
            total, uncertain = seed_estimate(grab, retrieve, seconds, n_columns)
            how = f"estimated from {len(seconds)} columns, +-{uncertain:.0f} s"
            how = "measured" if len(seconds) >= n_columns else how
            print(f"  {name:<32}{total:9.0f} s  ({how}: {n_columns} x {statistics.fmean(seconds) + retrieve:.3f} s + "
                  f"{grab:.1f} s of decoding)")
            print(f"    / jacquard                    {total / runs.median():9.1f}")
            row["seed"].append({"unique": unique, "threads": threads, "column_seconds": seconds, "whole_film": total,
                                "uncertainty95": uncertain, "over_ours": total / runs.median()})
        results.append(row)
        last = (runs.stderr.strip().splitlines() or [""])[-1]
        if last:
            print(f"  jacquard says: {last}")
    if options.out:
        options.out.write_text(json.dumps({
            "film": str(options.film), "frames": n_frames, "columns": n_columns, "k": options.k, "cores": CORES,
            "processor": processor(), "load": load, "scikit-learn": sklearn.__version__, "opencv": cv2.__version__,
            "floor": floor.as_json(), "grab": grab, "retrieve_a_column": retrieve, "sizes": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
