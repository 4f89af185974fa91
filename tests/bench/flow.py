#!/usr/bin/env python3
"""How calm bands are: the mean absolute change of colour from a column to the next, row by row, inside shots, for each
order of a column's colours beside `share`, of the same columns. A shot ends where the average colour jumps by 12 levels
or more. Only the standard library. usage: flow.py FILM... [-k 8] [--every 12f] [--height 300]"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import common  # noqa: E402
import png  # noqa: E402

ORDERS = ("share", "lightness", "flow")
JUMP = 12


def columns_of(path):
    """[column][row] = (r, g, b)"""
    width, height, rows, _ = png.read(path)
    return [[tuple(rows[y][3 * x:3 * x + 3]) for y in range(height)] for x in range(width)]


def change(a, b):
    return sum(abs(u - v) for p, q in zip(a, b) for u, v in zip(p, q)) / (3 * len(a))


def measure(jacquard, film, options):
    with tempfile.TemporaryDirectory() as folder:
        def run(*arguments):
            subprocess.run([jacquard, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        side_car = os.path.join(folder, "film.json")
        run("barcode", film, "-k", str(options.k), "--every", options.every, "--json", side_car,
            "-o", os.path.join(folder, "film.png"))
        average = os.path.join(folder, "average.png")
        run("render", side_car, "--strip", "average", "--height", "1", "-o", average)
        mean = columns_of(average)
        inside = [x for x in range(len(mean) - 1) if change(mean[x], mean[x + 1]) < JUMP]
        changes = {}
        for order in ORDERS:
            picture = os.path.join(folder, order + ".png")
            run("render", side_car, "--order", order, "--height", str(options.height), "-o", picture)
            columns = columns_of(picture)
            changes[order] = sum(change(columns[x], columns[x + 1]) for x in inside) / max(len(inside), 1)
    print(f"{os.path.basename(film)}: {len(mean)} columns, {len(inside)} of their neighbours inside shots")
    for order in ORDERS:
        print(f"  {order:10} {changes[order]:7.3f} levels   {changes[order] / changes['share']:.3f} of share")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", nargs="+")
    parser.add_argument("-k", type=int, default=8)
    parser.add_argument("--every", default="12f")
    parser.add_argument("--height", type=int, default=300)
    options = parser.parse_args()
    jacquard = common.find_program("jacquard")
    for film in options.film:
        measure(jacquard, film, options)


if __name__ == "__main__":
    main()
