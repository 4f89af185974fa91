#!/usr/bin/env python3
"""oracle: reads a model file and answers from its definition alone: sums of pixels, no integral images, none of
jacquard's code. Slow. For models without preparation, and for what predict prints.

usage: oracle.py scores MODEL IMAGES.idx N          the scores of the first N images, a line an image
       oracle.py lines MODEL NAME < SCORES          what `jacquard predict MODEL NAME` prints for these scores
"""
import hashlib
import math
import struct
import sys


class Model:
    def __init__(self, path):
        text = open(path, "rb").read()
        first, second, rest = text.split(b"\n", 2)
        if first != b"jacquard-model 1" or second != b"sha256 " + hashlib.sha256(rest).hexdigest().encode():
            raise ValueError(f"{path}: not a model, or damaged")
        self.settings, self.rounds = {}, []
        for line in rest.decode("ascii").splitlines():
            head, _, tail = line.partition(" ")
            if head in ("tree", "product"):
                self.rounds.append(self.learner(head, tail))
            elif head not in ("member", "end"):
                self.settings[head] = tail
        self.width, self.height, self.classes = (int(self.settings[k]) for k in ("width", "height", "classes"))

    @staticmethod
    def learner(kind, text):
        _, nodes, votes = (part.strip() for part in text.split("|"))
        nodes = [n.split() for n in nodes.split(" ; ")] if nodes else []
        return kind, [(n[0], [int(v) for v in n[1:]]) for n in nodes], [int(v) for v in votes.split()]


def rectangle(pixels, width, x, y, w, h):
    return sum(sum(pixels[row * width + x:row * width + x + w]) for row in range(y, y + h))


def value(pixels, width, kind, x, y, w, h, a, b):
    """The parts' sums, weighted so that black and white balance: every pixel counts the other part's area, reduced."""
    black = {"edge-h": [(x, y + b, w, h - b)], "edge-v": [(x + a, y, w - a, h)],
             "line-h": [(x, y + a, w, b - a)], "line-v": [(x + a, y, b - a, h)],
             "quad": [(x + a, y, w - a, b), (x, y + b, a, h - b)], "box": []}[kind]
    whole, dark = rectangle(pixels, width, x, y, w, h), sum(rectangle(pixels, width, *r) for r in black)
    if kind == "box":
        return whole
    n_black = sum(r[2] * r[3] for r in black)
    n_white = w * h - n_black
    divisor = math.gcd(n_black, n_white)
    return (whole - dark) * (n_black // divisor) - dark * (n_white // divisor)


def scores(model, pixels):
    total = [0] * model.classes
    for kind, nodes, votes in model.rounds:
        right = [value(pixels, model.width, name, *n[1:7]) >= n[7] for name, n in nodes]
        if kind == "product":
            leaf = sum(bit << i for i, bit in enumerate(right))
        else:
            at = 0 if nodes else -1
            while at >= 0:
                at = nodes[at][1][9 if right[at] else 8]
            leaf = -1 - at
        total = [t + v for t, v in zip(total, votes[leaf * model.classes:])]
    return total


def line(model, apart, name, row):
    best = max(range(len(row)), key=lambda l: (row[l], -l))
    gap = row[best] - max(s for l, s in enumerate(row) if l != best)
    sure = (20000 * gap + apart) // (2 * apart)
    return f"{name}\t{best}\t{sure // 10000}.{sure % 10000:04}"


def main(argv):
    model = Model(argv[2])
    if argv[1] == "scores":
        if model.settings["deskew"] != "no" or model.settings["gradient"] != "no":
            raise ValueError("the oracle prepares no images")
        data = open(argv[3], "rb").read()
        n, height, width = struct.unpack(">3I", data[4:16])
        if (width, height) != (model.width, model.height):
            raise ValueError("sizes differ")
        for i in range(min(n, int(argv[4]))):
            print(*scores(model, data[16 + i * width * height:16 + (i + 1) * width * height]))
    else:
        apart = sum(max(votes) - min(votes) for _, _, votes in model.rounds)
        for i, text in enumerate(sys.stdin):
            print(line(model, apart, f"{argv[3]}:{i}", [int(v) for v in text.split()]))


if __name__ == "__main__":
    main(sys.argv)
