#!/usr/bin/env python3
"""shapes: a small labelled IDX set of noisy shapes, for tests without MNIST. Bars, crosses, discs, rings and the like,
each at a random place, of a random size and brightness, over noise. The same arguments give the same bytes.

usage: shapes.py OUT_PREFIX N SEED [--side S] [--classes K] [--gz]

Writes OUT_PREFIX-images.idx and OUT_PREFIX-labels.idx (with --gz .idx.gz): N images of S x S (8 to 64, default 28) in K
classes (2 to 10, default 10), as many of each as can be, in random order.
"""
import argparse
import gzip
import random
import struct

SHAPES = (
    lambda u, v: abs(v) < 0.25,                          # a bar across
    lambda u, v: abs(u) < 0.25,                          # a bar down
    lambda u, v: abs(u - v) < 0.3,                       # a diagonal down
    lambda u, v: abs(u + v) < 0.3,                       # a diagonal up
    lambda u, v: abs(u) < 0.2 or abs(v) < 0.2,           # a cross
    lambda u, v: abs(u - v) < 0.25 or abs(u + v) < 0.25,  # an x
    lambda u, v: u * u + v * v < 0.8,                    # a disc
    lambda u, v: 0.4 < u * u + v * v < 1.0,              # a ring
    lambda u, v: max(abs(u), abs(v)) > 0.65,             # a frame
    lambda u, v: abs(u) < (1 + v) / 2,                   # a triangle
)


def image(rng, label, side):
    half = side * rng.uniform(0.26, 0.42)
    slack = max(0.0, side / 2 - half - 1)
    x0, y0 = (side / 2 + rng.uniform(-slack, slack) / 2 for _ in range(2))
    light, noise = rng.randint(90, 255), rng.randint(10, 140)
    pixels = bytearray()
    for y in range(side):
        v = (y + 0.5 - y0) / half
        for x in range(side):
            u = (x + 0.5 - x0) / half
            is_in = abs(u) <= 1 and abs(v) <= 1 and SHAPES[label](u, v)
            pixels.append(min(255, (light if is_in else 0) + rng.randrange(noise)))
    return bytes(pixels)


def write(path, data, packed):
    if not packed:
        open(path, "wb").write(data)
        return
    with open(path + ".gz", "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
        zipped.write(data)


def main():
    parser = argparse.ArgumentParser(usage="shapes.py OUT_PREFIX N SEED [--side S] [--classes K] [--gz]")
    parser.add_argument("prefix")
    parser.add_argument("n", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--side", type=int, default=28, choices=range(8, 65), metavar="S")
    parser.add_argument("--classes", type=int, default=10, choices=range(2, 11), metavar="K")
    parser.add_argument("--gz", action="store_true")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    labels = [i % args.classes for i in range(args.n)]
    rng.shuffle(labels)
    images = b"".join(image(rng, label, args.side) for label in labels)
    write(args.prefix + "-images.idx", struct.pack(">4I", 0x803, args.n, args.side, args.side) + images, args.gz)
    write(args.prefix + "-labels.idx", struct.pack(">2I", 0x801, args.n) + bytes(labels), args.gz)


if __name__ == "__main__":
    main()
