"""common: what the measuring scripts share. Nothing here measures.

Programs are found by option, by environment (JACQUARD, DUMP_PIXELS) or under build*/ of this repository; films in the
folder JACQUARD_TEST_DATA, else beside the repository. What is missing is said in one line and ends the script with 77.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("JACQUARD_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

DEFAULT_FILMS = [
    "film/elephants_dream_excerpt_72s_360p.ts",    # animated, dark, many cuts
    "film/bbb_full_486p_h264main_fmp4.mp4",        # animated, bright
    "film/freecol_opening_archive_footage.ogg",    # archive film: grain, faded colours
    "film/one-by-one-person-detection.mp4",        # surveillance camera, static
    "film/sintel_trailer-720p.mp4",                # letterbox, fades, titles on black
    "zoo/chaplin.mp4",                             # silent film, pillarboxed
    "zoo/balle-jbart.mp4",                         # live action
]


def leave(code, text):
    print(f"{Path(sys.argv[0]).name}: {text}", file=sys.stderr)
    sys.exit(code)


def need(**packages):
    """need(sklearn="scikit-learn"): leaves unless the modules (named by their package on PyPI) can be imported."""
    missing = []
    for module, package in packages.items():
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(package)
    if missing:
        leave(77, f"needs {', '.join(missing)}: python3 -m pip install {' '.join(missing)}")


def find_program(name, given=None):
    """The newest build*/**/NAME, a release build before others, unless an option or the environment names one."""
    given = given or os.environ.get(name.upper())
    if given:
        if not os.access(given, os.X_OK):
            leave(77, f"{given} is not a program")
        return str(Path(given).resolve())
    found = [p for p in REPOSITORY.glob(f"build*/**/{name}") if p.is_file() and os.access(p, os.X_OK)]
    if not found:
        leave(77, f"no {name} under {REPOSITORY}/build*: build first, or set {name.upper()}")
    return str(max(found, key=lambda p: ("release" in str(p.relative_to(REPOSITORY)), p.stat().st_mtime)))


def parse_size(text):
    """"480x270" -> (480, 270); raises ValueError, which argparse turns into a usage message."""
    width, height = (int(x) for x in text.lower().split("x"))
    if width < 1 or height < 1:
        raise ValueError(text)
    return width, height


def say(text):
    print(text, file=sys.stderr, flush=True)


def call(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["(nothing on stderr)"])[-1]
        leave(2, f"{Path(command[0]).name} failed with {done.returncode}: {last}\n  {' '.join(command)}")
    return done.stdout


def pick_films(films, n_frames):
    """[(film, frames)]: the films asked for, or those of DEFAULT_FILMS that are there, and their shares of n_frames."""
    wanted = films or [DATA / name for name in DEFAULT_FILMS]
    there = [film for film in wanted if film.is_file()]
    absent = [film for film in wanted if film not in there]
    if absent and (films or not there):
        leave(77, f"no such film: {absent[0]}")
    for film in absent:
        say(f"left out, not there: {film}")
    ends = [n_frames * i // len(there) for i in range(len(there) + 1)]
    return [(film, end - start) for film, start, end in zip(there, ends, ends[1:]) if end > start]


def read_ppm(path):
    """Binary PPM (P6, maxval 255) -> u8 [n, 3]."""
    import numpy as np

    data = Path(path).read_bytes()
    fields, at = [], 0
    while len(fields) < 4:
        while data[at:at + 1].isspace():
            at += 1
        if data[at:at + 1] == b"#":
            at = data.index(b"\n", at)
            continue
        end = at
        while end < len(data) and not data[end:end + 1].isspace():
            end += 1
        if end == at:
            raise ValueError(f"{path}: ends inside the PPM header")
        fields.append(data[at:end])
        at = end
    width, height = int(fields[1]), int(fields[2])
    if fields[0] != b"P6" or fields[3] != b"255" or len(data) - at - 1 != width * height * 3:
        raise ValueError(f"{path}: not a P6 picture of {width}x{height} with maxval 255")
    return np.frombuffer(data, np.uint8, offset=at + 1).reshape(-1, 3)
