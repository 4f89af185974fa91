#!/usr/bin/env python3
"""hdr: how near is --hdr map to what others make of HDR films? Judged by CIEDE2000.

dump_pixels writes the pixels that jacquard clusters, here of a quarter of each side. FFmpeg's zscale turns the same
frames into linear light of BT.709; on this works the curve of BT.2390, written again in float64, and FFmpeg's tonemap;
libplacebo does all by itself. README.md says what is printed.

Exit code: 0 the mean against BT.2390 is at most 2 on each film, 1 not, 2 usage or a program failed, 77 something is
missing.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import DATA, call, find_program, leave, need, read_ppm, say

need(numpy="numpy")

import numpy as np

from ciede2000 import check_formula, ciede2000, lab

FILMS = ["zoo/hdr10-av1.mp4", "zoo/hlg10-color-test.mp4", "zoo/sample_edit_list.mp4"]
TRANSFERS = {"smpte2084": "pq", "arib-std-b67": "hlg"}
OPERATORS = ["hable", "mobius", "reinhard", "clip"]
WHITE = 203  # cd/m2
AIM = 2
SHRINK = 4
ORACLE, RAW = "BT.2390 in float64", "the same, of --hdr raw"
VULKAN = ["-init_hw_device", "vulkan=device", "-filter_hw_device", "device"]
TO_SRGB = ("tonemapping=bt.2390:apply_dolbyvision=false:colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1:"
           "range=pc:format=yuv444p16")
ITS_KNEE = "tonemapping_param=0.5:tonemapping_mode=max:tonemapping_crosstalk=0"
LIBPLACEBO = {"libplacebo, bt.2390": TO_SRGB, "..., knee as in BT.2390": f"{TO_SRGB}:{ITS_KNEE}"}


# ---- light ----------------------------------------------------------------------------------------------------------

def pq_code(light):
    """SMPTE ST 2084: cd/m2 -> code."""
    y = (np.maximum(light, 0) / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def pq_light(code):
    n = np.maximum(code, 0) ** (32 / 2523)
    return 10000 * (np.maximum(n - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * n)) ** (16384 / 2610)


def bt2390(light, peak):
    """Section 5.4.1, cd/m2 -> cd/m2: from a display of the peak to one of WHITE; both with a black of 0."""
    most = pq_code(WHITE) / pq_code(peak)
    knee = 1.5 * most - 0.5
    e = np.minimum(pq_code(light) / pq_code(peak), 1)
    t = np.maximum(e - knee, 0) / (1 - knee) if most < 1 else 0 * e
    hermite = ((2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most)
    return pq_light(np.where(e < knee, e, hermite) * pq_code(peak)) if most < 1 else np.minimum(light, WHITE)


def mapped(rgb, peak):
    """As tone.h says it: BT.709, white = 1 -> 0..1."""
    luminance = np.maximum(rgb @ [0.2126, 0.7152, 0.0722], 0)[..., None]
    least = rgb.min(axis=-1, keepdims=True)
    inside = luminance / np.where(least < 0, luminance - least, 1)
    rgb = np.where(least < 0, luminance + (rgb - luminance) * inside, rgb)
    most = np.maximum(rgb.max(axis=-1, keepdims=True), 1e-9)
    return rgb * bt2390(most * WHITE, peak) / (most * WHITE)


def levels(light):
    """Light 0..1 -> sRGB 0..255, whole levels."""
    v = np.clip(light, 0, 1)
    return np.floor(255 * np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055) + 0.5)


def averaged(picture):
    """Areas of SHRINK x SHRINK pixels."""
    height, width, _ = picture.shape
    return picture.reshape(height // SHRINK, SHRINK, width // SHRINK, SHRINK, 3).mean(axis=(1, 3))


# ---- films ----------------------------------------------------------------------------------------------------------

def probe(film):
    """Transfer, coded width and height, whether it is turned on its side; None where it is neither PQ nor HLG."""
    stream = json.loads(call(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_streams", "-of", "json",
                              f"file:{film}"]))["streams"][0]
    turns = [data.get("rotation", 0) for data in stream.get("side_data_list", [])]
    transfer = TRANSFERS.get(stream.get("color_transfer"))
    return transfer and (transfer, stream["width"], stream["height"], any(turn % 180 for turn in turns))


def read_frames(film, numbers, size, filters, device=()):
    """Frames as zscale and what follows make them, in floats [height, width, 3]; what FFmpeg said where it failed."""
    chosen = "+".join(f"eq(n\\,{number})" for number in numbers)
    done = subprocess.run(["ffmpeg", "-v", "error", *device, "-noautorotate", "-i", f"file:{film}", "-map", "0:v:0",
                           "-vf", f"select={chosen},{filters},format=gbrpf32le", "-fps_mode", "passthrough",
                           "-f", "rawvideo", "-"], stdin=subprocess.DEVNULL, capture_output=True)
    width, height = size
    if done.returncode != 0 or len(done.stdout) != len(numbers) * width * height * 12:
        return (done.stderr.decode(errors="replace").strip().splitlines() or ["too few frames"])[0]
    frames = np.frombuffer(done.stdout, "<f4").reshape(len(numbers), 3, height, width)
    return [f[[2, 0, 1]].transpose(1, 2, 0).astype(np.float64) for f in frames]


def dump(options, film, work, box, *more):
    """{frame: levels [n, 3]} as jacquard has them."""
    folder = Path(tempfile.mkdtemp(dir=work))
    call([options.dump_pixels, str(film), str(folder), "--columns", str(options.frames), "--scale", box, *more])
    return {int(ppm.stem): read_ppm(ppm) for ppm in sorted(folder.glob("*.ppm"))}


def peak_of(options, film, work):
    """cd/m2: what jacquard found a PQ film to have, 1000 for HLG."""
    side_car = Path(work) / "side-car.json"
    call([options.jacquard, "barcode", str(film), "-o", str(side_car.with_suffix(".png")), "--json", str(side_car),
          "--columns", str(options.frames), "--crop", "none", "--progress", "none", "--force"])
    return json.loads(side_car.read_text())["look"]["hdr"].get("peak", 1000)


def judge(options, film, work):
    """{whom: CIEDE2000 of all pixels}"""
    transfer, width, height, is_turned = probe(film)
    box = [width // SHRINK, height // SHRINK]
    as_seen = "x".join(map(str, box[::-1] if is_turned else box))
    ours, raw = (dump(options, film, work, as_seen, "--hdr", hdr) for hdr in ("map", "raw"))
    peak, numbers = peak_of(options, film, work), list(ours)
    if any(len(pixels) != box[0] * box[1] for pixels in ours.values()):
        leave(2, f"{film}: its pictures are not of {box[0]}x{box[1]}")
    # agamma: HLG's system gamma over luminance, as BT.2100 has it, instead of channel by channel
    linear = f"zscale=transfer=linear:npl={WHITE}:primaries=bt709:agamma=false,format=gbrpf32le"
    back = "hwdownload,format=yuv444p16le,zscale=matrix=gbr:transfer=linear:npl=100"
    theirs = {whom: (f"hwupload,libplacebo={how},{back}", VULKAN) for whom, how in LIBPLACEBO.items()}
    theirs |= {f"tonemap={operator}": (f"{linear},tonemap={operator}:desat=0:peak={peak / WHITE}", ())
               for operator in OPERATORS}
    light = read_frames(film, numbers, (width, height), linear)
    if isinstance(light, str):
        leave(2, f"{film}: ffmpeg failed: {light}")
    pictures = {ORACLE: [levels(mapped(averaged(frame), peak)) for frame in light]}
    for whom, (filters, device) in theirs.items():
        frames = read_frames(film, numbers, (width, height), filters, device)
        if isinstance(frames, str):
            say(f"{film.name}: {whom} is left out: {frames}")
        else:
            pictures[whom] = [levels(averaged(np.clip(frame, 0, 1))) for frame in frames]
    pairs = {whom: (ours, these) for whom, these in pictures.items()} | {RAW: (raw, pictures[ORACLE])}
    print(f"{film.name}: {transfer}, peak {peak} cd/m2, {len(numbers)} frames of {box[0]}x{box[1]}")
    return {whom: np.concatenate([ciede2000(lab(pixels), lab(these.reshape(-1, 3)))
                                  for pixels, these in zip(mine.values(), frames)])
            for whom, (mine, frames) in pairs.items()}


def parse_options():
    p = argparse.ArgumentParser(description="How near --hdr map is to other tone mappers, by CIEDE2000.")
    p.add_argument("films", nargs="*", type=Path, help="PQ or HLG films (default: those of the test data)")
    p.add_argument("--frames", type=int, default=6, help="frames of each film (default 6)")
    p.add_argument("--out", type=Path, help="keeps every figure as JSON")
    p.add_argument("--jacquard", help="the program (default: JACQUARD, else under build*)")
    p.add_argument("--dump-pixels", help="the program (default: DUMP_PIXELS, else under build*)")
    options = p.parse_args()
    if options.frames < 1:
        p.error("--frames is at least 1")
    return options


def main():
    options = parse_options()
    options.jacquard = find_program("jacquard", options.jacquard)
    options.dump_pixels = find_program("dump_pixels", options.dump_pixels)
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        leave(77, "needs ffmpeg and ffprobe")
    filters = re.findall(r"^ \S+ (\w+) ", call(["ffmpeg", "-hide_banner", "-filters"]), re.M)
    for name in ("zscale", "tonemap"):
        if name not in filters:
            leave(77, f"this ffmpeg has no filter {name}")
    films = [film for film in options.films or [DATA / name for name in FILMS] if film.is_file()]
    if not films or len(films) < len(options.films):
        leave(77, "there is no such HDR film")
    if not check_formula():
        say("FAILED: CIEDE2000 is not that of Sharma, Wu and Dalal")
        return 1
    results, passed = [], True
    for film in films:
        found = probe(film)
        if not found or found[1] % SHRINK or found[2] % SHRINK:
            leave(2, f"{film}: neither PQ nor HLG, or its sides are no multiples of {SHRINK}")
        with tempfile.TemporaryDirectory(prefix="jacquard-hdr.") as work:
            differences = judge(options, film, work)
        print(f"  {'CIEDE2000 against':<26}{'mean':>8}{'median':>8}{'95th':>8}")
        for whom, d in differences.items():
            figures = float(d.mean()), *(float(x) for x in np.percentile(d, [50, 95]))
            print(f"  {whom:<26}" + "".join(f"{x:8.2f}" for x in figures))
            results.append({"film": film.name, "against": whom, **dict(zip(("mean", "median", "p95"), figures))})
        passed &= bool(differences[ORACLE].mean() <= AIM)
    print("passed" if passed else f"FAILED: a mean above {AIM}")
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
