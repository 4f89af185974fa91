#!/usr/bin/env python3
"""seed_pipeline: the pipeline that jacquard wants to replace, rebuilt from its description to be measured beside it.

Linear OpenCV decoding with grab() on every frame and retrieve() on every 24th, BGR to RGB, bicubic resize to a quarter
of each side, scikit-learn KMeans(n_clusters=8, init='k-means++', n_init=20) on gamma-encoded bytes, centres rounded,
clusters stacked by count with heights int(round(height / total * count)), one pixel wide, height LCM(1..k) x
multiplier, PNG by Pillow. Its faults are kept on purpose (rows that stay black, the container's frame count believed);
only what would hide a failure is not: a frame that cannot be read ends the run with a message.

As a module it gives speed.py its parts.
"""

import argparse
import json
import math
import sys
import time
import warnings
from pathlib import Path

from common import leave, need, parse_size

need(numpy="numpy", sklearn="scikit-learn", threadpoolctl="threadpoolctl", cv2="opencv-python-headless", PIL="pillow")

import cv2
import numpy as np
import sklearn
from PIL import Image
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits


class Stopwatch:
    """Seconds by stage."""

    def __init__(self):
        self.seconds = {}

    def timed(self, stage, function, *arguments, **named):
        start = time.perf_counter()
        result = function(*arguments, **named)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
        return result


def open_film(path):
    film = cv2.VideoCapture(str(path))
    if not film.isOpened():
        leave(2, f"OpenCV cannot open {path}")
    return film


def sample_list(n_frames, every, n_columns=None):
    """Numbers of the frames to retrieve: every 24th, or n_columns of these spread over the film."""
    samples = list(range(0, n_frames, every))
    if n_columns is None or n_columns >= len(samples):
        return samples
    return [samples[int((i + 0.5) * len(samples) / n_columns)] for i in range(n_columns)]


def sampled_frames(film, samples, watch):
    """Yields (frame number, BGR picture) in film order. Grabs every frame of the film, also after the last sample."""
    wanted = set(samples)
    n_frames = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    for i in range(n_frames):
        if not watch.timed("grab", film.grab):
            if samples[-1] >= i:
                leave(2, f"OpenCV cannot read frame {i} of {n_frames}")
            return
        if i in wanted:
            good, picture = watch.timed("retrieve", film.retrieve)
            if not good:
                leave(2, f"OpenCV cannot decode frame {i}")
            yield i, picture


def shrink(picture, size=None):
    """BGR picture -> RGB, a quarter of each side or the size (width, height) asked for."""
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if size is None:
        return cv2.resize(rgb, (0, 0), fx=0.25, fy=0.25, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)


def cluster(rgb, k, n_init=20, unique=False, seed=None, threads=None):
    """-> centres u8 [k, 3], counts [k], largest first. unique: the strong baseline, colours with weights."""
    pixels, weights = rgb.reshape(-1, 3), None
    if unique:
        pixels, inverse, weights = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    with warnings.catch_warnings(), threadpool_limits(threads):
        warnings.simplefilter("ignore")  # fewer colours than clusters
        model = KMeans(n_clusters=min(k, len(pixels)), init="k-means++", n_init=n_init, random_state=seed)
        model.fit(pixels, sample_weight=weights)
    centres = np.around(model.cluster_centers_).astype("uint8")
    counts = np.bincount(model.labels_, weights=weights, minlength=len(centres)).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    return centres[order], counts[order]


def paint(image, column, width, centres, counts):
    height, top = image.shape[0], 0
    for centre, count in zip(centres, counts):
        rows = int(round(height / counts.sum() * count))
        image[top:top + rows, column * width:(column + 1) * width] = centre
        top += rows


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("film", type=Path)
    p.add_argument("-o", "--output", type=Path, help="PNG (default: none is written)")
    p.add_argument("-k", type=int, default=8, help="clusters (default 8)")
    p.add_argument("--every", type=int, default=24, help="frames from sample to sample (default 24)")
    p.add_argument("--scale", type=parse_size, help="WxH to cluster (default: a quarter of each side)")
    p.add_argument("--n-init", type=int, default=20)
    p.add_argument("--seed", type=int, help="scikit-learn's random_state (default: none, as in the original)")
    p.add_argument("--unique", action="store_true", help="cluster unique colours with weights (not in the original)")
    p.add_argument("--threads", type=int, help="of scikit-learn (default: its own choice, all cores)")
    p.add_argument("--columns", type=int, help="only so many columns, spread over the film")
    p.add_argument("--limit-seconds", type=float, help="stop at the first column that ends later than this")
    p.add_argument("--width", type=int, default=1, help="pixels a column (default 1)")
    p.add_argument("--multiplier", type=int, default=2, help="height = LCM(1..k) x this (default 2)")
    p.add_argument("--json", type=Path, help="write the seconds by stage to this file")
    options = p.parse_args()
    if min(options.k, options.every, options.n_init, options.width, options.multiplier) < 1 or options.columns == 0:
        p.error("numbers are at least 1")
    return options


def main():
    options = parse_options()
    if not options.film.is_file():
        leave(77, f"no such film: {options.film}")
    start = time.perf_counter()
    film, watch = open_film(options.film), Stopwatch()
    n_frames = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    samples = sample_list(n_frames, options.every, options.columns)
    if not samples:
        leave(2, f"{options.film}: OpenCV counts {n_frames} frames")
    height = math.lcm(*range(1, options.k + 1)) * options.multiplier
    image = np.zeros((height, len(samples) * options.width, 3), np.uint8)
    done, size, stopped = 0, None, False
    for number, picture in sampled_frames(film, samples, watch):
        rgb = watch.timed("resize", shrink, picture, options.scale)
        size = (rgb.shape[1], rgb.shape[0])
        found = watch.timed("cluster", cluster, rgb, options.k, options.n_init, options.unique, options.seed,
                            options.threads)
        watch.timed("paint", paint, image, done, options.width, *found)
        done += 1
        if options.limit_seconds and time.perf_counter() - start > options.limit_seconds:
            stopped = done < len(samples)
            break
    if options.output:
        watch.timed("write", Image.fromarray(image[:, :done * options.width]).save, options.output)
    total = time.perf_counter() - start

    whole = len(sample_list(n_frames, options.every))
    column = sum(watch.seconds.get(stage, 0.0) for stage in ("retrieve", "resize", "cluster", "paint")) / max(done, 1)
    print(f"{options.film.name}: {done} of {whole} columns at {size[0]}x{size[1]}, k = {options.k}, "
          f"n_init = {options.n_init}{', unique colours' if options.unique else ''}; "
          f"scikit-learn {sklearn.__version__}, OpenCV {cv2.__version__}")
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in watch.seconds.items())
    print(f"  {stages}; in all {total:.2f} s")
    print(f"  {column:.3f} s a column without decoding, {total / max(done, 1):.3f} s a column with it")
    if stopped:
        print(f"  stopped by --limit-seconds after frame {number} of {n_frames}")
    if options.json:
        options.json.write_text(json.dumps({
            "film": str(options.film), "frames": n_frames, "columns": done, "columns_of_film": whole, "size": size,
            "k": options.k, "n_init": options.n_init, "unique": options.unique, "stages": watch.seconds,
            "seconds": total, "seconds_a_column": column}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
