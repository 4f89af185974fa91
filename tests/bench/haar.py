#!/usr/bin/env python3
"""haar: what classifiers cost and reach, measured: scanning, training, accuracy, and other classifiers beside it.

Four commands: scan, train, accuracy, peers; README.md says what each shows. Every ratio is of figures measured in this
run on this machine; what others published is marked as such and enters no ratio. Needs the MNIST files (--data DIR,
else JACQUARD_MNIST, else mnist/ beside the films); only peers needs packages. --subset N measures on the first N images
of each file: to try a command out, never to quote.

Exit code: 0 measured and all checks hold, 1 a check failed (counts, models that differ), 2 usage or a program failed,
77 something is missing.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import CORES, DATA, find_program, leave, need

GOLDEN = {"label0": 10_867_584, "others": 63_369_534, "total": 74_237_118}  # the student project's own, on its 60,000
PUBLISHED = ("published by the student project, not measured here: 9.9 s on a GTX 970; "
             "4 cores of an i5-4460 took 15.3, one thread 58.6 times that")
SETTINGS = {  # the accuracy command's
    "stump": "--learner stump",
    "product": "--learner product",
    "raw": "",
    "raw-16-leaves": "--leaves 16",
    "raw-lazy4500": "--search lazy:4500",
    "deskew": "--deskew",
    "deskew-elastic": "--deskew --augment elastic:3 --leaves 16",
    "gradient": "--channels gradient",
    "gradient-deskew": "--channels gradient --deskew",
    "gradient-deskew-elastic": "--channels gradient --deskew --augment elastic:3 --leaves 16",
    "gradient-deskew-elastic-x2": "--channels gradient --deskew --augment elastic:3 --leaves 16 --ensemble 2",
}


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- running and printing -------------------------------------------------------------------------------------------

def run(command):
    """-> (wall seconds, stdout, stderr). Leaves when the command fails."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    wall = time.perf_counter() - start
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["(nothing on stderr)"]
        last = next((line for line in lines if line.startswith("jacquard: error: ")), lines[-1])  # else a launcher's
        leave(2, f"{Path(command[0]).name} failed with {done.returncode}: {last}\n  {shlex.join(command)}")
    return wall, done.stdout, done.stderr


def on_ranks(n):
    """What goes before the program: nothing for one rank."""
    if n == 1:
        return []
    launcher = shlex.split(os.environ.get("MPIRUN_COMMAND") or "mpirun --bind-to none --oversubscribe")
    if not shutil.which(launcher[0]):
        leave(77, f"{n} ranks need {launcher[0]}")
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")  # containers are root
    return [*launcher, "-n", str(n)]


def print_table(header, rows):
    """The first column and one of options to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print()
    for row in [header, *rows]:
        cells = [cell.ljust(width) if i == 0 or header[i] == "options" else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    sys.stdout.flush()


def write_json(options, machine, **results):
    """As often as there is something new, so that an interrupted run leaves what it has."""
    if not options.json:
        return
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items() if not callable(v)}
    text = json.dumps({"machine": machine, "options": settings, **results}, indent=1) + "\n"
    temporary = options.json.with_name(options.json.name + ".part")
    temporary.write_text(text)
    os.replace(temporary, options.json)


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def look_at_machine(options):
    """Describes and prints what is measured on; quotable figures need a release build and an idle machine."""
    info = run([options.jacquard, "info"])[1].splitlines()
    gpus = [line.split(": ", 1)[1] for line in info if line.startswith("backend cuda, device ")]
    cache = Path(options.jacquard).parent / "CMakeCache.txt"
    build = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache.read_text() if cache.is_file() else "", re.M)
    machine = {"processor": processor(), "cores": CORES, "load": os.getloadavg()[0], "gpus": gpus, "version": info[0],
               "program": options.jacquard, "build": build[1] if build else "unknown"}
    print(f"{machine['processor']}, {CORES} cores, load {machine['load']:.2f} before the start"
          f"{' (BUSY: do not quote)' if machine['load'] > 0.5 else ''}; "
          f"{f'{len(gpus)} x {gpus[0]}' if gpus else 'no GPU'}")
    print(f"{machine['version']}, {options.jacquard}, build type {machine['build']}"
          f"{'' if machine['build'] == 'Release' else ' (not a release build: do not quote)'}")
    if options.subset:
        print(f"only the first {options.subset} images (a trial: do not quote)")
    return machine


# ---- MNIST ----------------------------------------------------------------------------------------------------------

def find_idx(directory, name):
    for path in (directory / f"{name}.gz", directory / name):
        if path.is_file():
            return path
    leave(77, f"no {name}, plain or .gz, in {directory} (--data DIR or JACQUARD_MNIST name the folder)")


def read_idx(path):
    """-> (dimensions, the bytes after the header)."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    n_dims = data[3]
    dims = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(n_dims)]
    return dims, data[4 + 4 * n_dims:]


def slice_idx(path, to, first, n):
    """Items [first, first + n) of an IDX file of bytes, as a file of its own."""
    dims, data = read_idx(path)
    n = min(n, dims[0] - first)
    item = len(data) // dims[0]
    head = bytes([0, 0, 8, len(dims)]) + b"".join(d.to_bytes(4, "big") for d in [n, *dims[1:]])
    to.write_bytes(head + data[first * item:(first + n) * item])
    return to


def mnist(options, work, name):
    """-> (images, labels) of "train" or "t10k", cut to --subset."""
    paths = [find_idx(options.data, f"{name}-{rest}") for rest in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if options.subset:
        paths = [slice_idx(p, work / f"{name}.{i}", 0, options.subset) for i, p in enumerate(paths)]
    for path in paths:
        path.read_bytes()  # into the page cache
    return paths


def images_and_labels(paths):
    return ["--images", str(paths[0]), "--labels", str(paths[1])]


# ---- scan -----------------------------------------------------------------------------------------------------------

def scan(options, machine, work):
    train = mnist(options, work, "train")
    ways = {f"cpu, {CORES} threads": ["--backend", "cpu", "--threads", str(CORES)],
            "cpu, 1 thread": ["--backend", "cpu", "--threads", "1"]}
    if machine["gpus"]:
        ways = {"cuda, 1 GPU": ["--backend", "cuda"], **ways}
    seconds, counts, shape = {name: [] for name in ways}, {name: set() for name in ways}, {}
    for i in range(options.runs):  # in turn, so that a busy moment hits all
        for name, how in ways.items():
            if name == "cpu, 1 thread" and i >= options.one_thread_runs:
                continue
            say(f"scan, {name}, run {i + 1}")
            wall, _, _ = run([options.jacquard, "scan", *images_and_labels(train), "--compat", "seed", "--count-only",
                              "--json", str(work / "scan.json"), "--force", "--progress", "none", *how])
            found = json.loads((work / "scan.json").read_text())
            seconds[name].append({**found["seconds"], "end_to_end": wall})
            counts[name].add((found["label0"], found["others"], found["total"]))
            shape = {"images": found["images"], "features": found["features"]}

    keys = ("kernel", "scan", "load", "end_to_end")
    median = {name: {k: statistics.median(s[k] for s in seconds[name]) for k in keys} for name in ways}
    n = shape["images"] * shape["features"]
    print_table(["", "kernel s", "scan s", "load s", "end to end s", "evaluations/s", "runs"],
                [[name, *(f"{m[k]:.4f}" for k in keys), f"{n / m['kernel']:.3g}", len(seconds[name])]
                 for name, m in median.items()])
    names = list(ways)
    ratios = {f"{slow} : {fast}": {k: median[slow][k] / median[fast][k] for k in ("kernel", "end_to_end")}
              for i, fast in enumerate(names) for slow in names[i + 1:]}
    print_table(["ratio of seconds", "kernel", "end to end"],
                [[name, *(f"{x:.2f}" for x in ratio.values())] for name, ratio in ratios.items()])
    print(f"\n{n:.3g} evaluations: {shape['features']} features of {shape['images']} images\n{PUBLISHED}")

    all_counts = set().union(*counts.values())
    alike = len(all_counts) == 1
    golden = None if options.subset else all_counts == {tuple(GOLDEN.values())}
    print(f"counts (label 0, others, all): {'the same in every run' if alike else 'NOT the same'}: "
          + "; ".join(" / ".join(f"{x:,}" for x in c) for c in sorted(all_counts)))
    print("golden counts: " + {None: "not checked, they are of all 60,000 training images", True: "met",
                               False: "MISSED: " + " / ".join(f"{x:,}" for x in GOLDEN.values())}[golden])
    write_json(options, machine, evaluations=n, **shape, seconds=seconds, median=median, ratios=ratios,
               counts=sorted(all_counts), counts_alike=alike, golden=golden, published_not_measured=PUBLISHED)
    return 0 if alike and golden is not False else 1


# ---- train ----------------------------------------------------------------------------------------------------------

def read_train_notes(text):
    """What train says on stderr: -> dict of rounds, seconds, rate, all seconds, digest, traffic lines."""
    end = re.search(r"(\d+) rounds in ([\d.]+) s \(([\d.]+) rounds/s\), ([\d.]+) s in all; sha256 ([0-9a-f]{64})", text)
    if not end:
        leave(2, f"train's last notes are not understood: {text.strip()[-300:]}")
    rounds, seconds = int(end[1]), float(end[2])
    lines = re.findall(r"^jacquard: (.+?), (.+?): (\d+) calls, (\d+) bytes and ([\d.]+) ms each$", text, re.M)
    traffic = [{"among": t[0], "kind": t[1], "calls": int(t[2]), "bytes_each": float(t[3]), "ms_each": float(t[4])}
               for t in lines]
    return {"rounds": rounds, "seconds": seconds, "all_seconds": float(end[4]), "digest": end[5], "traffic": traffic,
            # The printed rate has one decimal; of a short run the seconds have more to tell, of a slow one the rate.
            "rounds_per_second": rounds / seconds if seconds > 0 else float(end[3])}


def train_once(options, n_ranks, paths, model, arguments):
    """-> what train said, and end_to_end, file_sha256, held_out_error (or None)."""
    wall, out, err = run([*on_ranks(n_ranks), options.jacquard, "train", *images_and_labels(paths), "-o", str(model),
                          "--force", "--progress", "none", "--rounds", str(options.rounds), *arguments])
    held_out = re.search(r"^held-out error [\d.]+% \((\d+)/(\d+)\)$", out, re.M)
    return {**read_train_notes(err), "end_to_end": wall, "file_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
            "held_out": [int(held_out[1]), int(held_out[2])] if held_out else None}


def train_ways(options, machine):
    """-> {name: (ranks, arguments)}, as --on and --ranks have it."""
    ways = {}
    known = {"cuda": ("cuda", ["--backend", "cuda"]), "cpu": ("cpu, all threads", ["--backend", "cpu"]),
             "cpu1": ("cpu, 1 thread a rank", ["--backend", "cpu", "--threads", "1"])}
    for backend in options.on or (["cuda"] if machine["gpus"] else []) + ["cpu", "cpu1"]:
        for n in options.ranks:
            if backend == "cuda" and n > len(machine["gpus"]):
                say(f"left out: cuda on {n} rank{'s' if n > 1 else ''}, there are {len(machine['gpus'])} GPUs")
                continue
            title, arguments = known[backend]
            shard = ["--shard", options.shard] if options.shard and n > 1 else []
            ways[f"{title}, {n} rank{'s' if n > 1 else ''}"] = (n, [*arguments, *shard])
    if not ways:
        leave(77, "nothing is left to measure")
    return ways


def train(options, machine, work):
    paths, ways = mnist(options, work, "train"), train_ways(options, machine)
    arguments = [*(["--search", options.search] if options.search else []), *shlex.split(options.ours)]
    runs = {name: [] for name in ways}
    for i in range(options.runs):
        for name, (n_ranks, how) in ways.items():
            say(f"train, {name}, run {i + 1} of {options.runs}")
            runs[name].append(train_once(options, n_ranks, paths, work / "x.model", [*arguments, *how]))
            write_json(options, machine, runs=runs)

    def median(name, key):
        return statistics.median(r[key] for r in runs[name])

    unit = list(ways)[-1]
    speed = {name: median(name, "rounds_per_second") / median(unit, "rounds_per_second") for name in ways}
    print(f"\n{options.rounds} rounds, {shlex.join(arguments) or 'default settings'}"
          f"{f', shards {options.shard}' if options.shard else ''}; speed: rounds/s against the last line's")
    print_table(["", "rounds/s", "speed", "rounds, s", "all, s", "end to end s", "sha256"],
                [[name, f"{median(name, 'rounds_per_second'):.2f}", f"{speed[name]:.2f}",
                  *(f"{median(name, key):.2f}" for key in ("seconds", "all_seconds", "end_to_end")),
                  " ".join(sorted({r["file_sha256"][:12] for r in runs[name]}))] for name in ways])
    if any(r["traffic"] for name in ways for r in runs[name]):
        print_table(["traffic of the last run", "among", "kind", "calls", "bytes each", "ms each", "MB/s"],
                    [[name, t["among"], t["kind"], t["calls"], f"{t['bytes_each']:.0f}", f"{t['ms_each']:.4f}",
                      f"{t['bytes_each'] / t['ms_each'] / 1e3:.0f}" if t["ms_each"] > 0 else "-"]
                     for name in ways for t in runs[name][-1]["traffic"]])
    n_models = len({r["file_sha256"] for name in ways for r in runs[name]})
    print(f"\nmodels: {'the same file in every run' if n_models == 1 else f'{n_models} DIFFERENT files'}")
    write_json(options, machine, arguments=arguments, runs=runs, speed=speed, speed_unit=unit, same_model=n_models == 1)
    return 0 if n_models == 1 else 1


# ---- accuracy -------------------------------------------------------------------------------------------------------

def evaluate(options, model, paths, work):
    """-> (wrong, total, wall seconds)."""
    wall, _, _ = run([options.jacquard, "evaluate", str(model), *images_and_labels(paths), "--json",
                      str(work / "evaluation.json"), "--force"])
    found = json.loads((work / "evaluation.json").read_text())
    return found["wrong"], found["total"], wall


def first_seed(arguments, seed):
    """A member of an ensemble has a seed of its own from the first one on: ensembles must not share members."""
    return 1000 * seed if "--ensemble" in arguments else seed


def accuracy(options, machine, work):
    settings = {**SETTINGS, **dict(options.setting)}
    chosen = options.only or [*SETTINGS, *dict(options.setting)]
    unknown = [name for name in chosen if name not in settings]
    if unknown:
        leave(2, f"no setting {unknown[0]}: {', '.join(settings)}")
    n_train = read_idx(find_idx(options.data, "train-labels-idx1-ubyte"))[0][0]
    n_train = min(n_train, options.subset or n_train)
    n_held_out = options.validation
    if n_held_out is None:
        n_held_out = n_train // 6 if options.held_out else 0
    if options.held_out and n_held_out == 0 or n_held_out >= n_train:
        leave(2, f"--validation {n_held_out}: from 1 to {n_train - 1} of {n_train} images")
    train_set = mnist(options, work, "train")
    if options.held_out:  # the test set is not even opened
        judges = [slice_idx(path, work / f"held-out.{i}", n_train - n_held_out, n_held_out)
                  for i, path in enumerate(train_set)]
        judge_name = f"{n_held_out} held-out images"
    else:
        judges = mnist(options, work, "t10k")
        judge_name = "the test set"
    how = ["--backend", options.backend, *(["--threads", str(options.threads)] if options.threads else []),
           *(["--validation", str(n_held_out)] if n_held_out else [])]
    print(f"trained on {n_train - n_held_out} images, {options.rounds} rounds; the error is that on {judge_name}"
          f"{'' if options.held_out else ' (settings are chosen by --held-out, never by this)'}")
    print("setting,seed,rounds,error_percent,wrong,total,held_out_wrong,train_seconds,rounds_per_second,sha256",
          flush=True)
    rows, faults = [], 0
    for name in chosen:
        arguments = shlex.split(settings[name])
        for seed in options.seeds:
            r = train_once(options, options.ranks, train_set, work / "x.model",
                           [*arguments, *how, "--seed", str(first_seed(arguments, seed))])
            wrong, total, r["evaluate_seconds"] = evaluate(options, work / "x.model", judges, work)
            if options.held_out and r["held_out"] and r["held_out"] != [wrong, total]:
                say(f"{name}, seed {seed}: train says {r['held_out']} wrong of the held-out, evaluate {[wrong, total]}")
                faults += 1
            rows.append({"setting": name, "arguments": settings[name], "seed": seed, "wrong": wrong, "total": total,
                         "error": wrong / total, **r})
            print(f"{name},{seed},{options.rounds},{100 * wrong / total:.2f},{wrong},{total},"
                  f"{r['held_out'][0] if r['held_out'] else ''},{r['seconds']:.2f},{r['rounds_per_second']:.2f},"
                  f"{r['file_sha256']}", flush=True)
            write_json(options, machine, judged_on=judge_name, trained_on=n_train - n_held_out, rows=rows)

    shows_both = n_held_out > 0 and not options.held_out
    table = []
    for name in chosen:
        runs = [r for r in rows if r["setting"] == name]
        errors = [100 * r["error"] for r in runs]
        held_out = [100 * r["held_out"][0] / r["held_out"][1] for r in runs if r["held_out"]]
        table.append([name, len(errors), f"{statistics.fmean(errors):.3f}",
                      f"{statistics.stdev(errors):.3f}" if len(errors) > 1 else "-", f"{max(errors):.2f}",
                      *([f"{statistics.fmean(held_out):.3f}" if held_out else "-"] if shows_both else []),
                      f"{statistics.fmean(r['end_to_end'] for r in runs):.1f}", settings[name] or "(defaults)"])
    print_table(["setting", "seeds", "mean %", "sd", "worst %", *(["held-out mean %"] if shows_both else []),
                 "train s", "options"], table)
    return 1 if faults else 0


# ---- peers ----------------------------------------------------------------------------------------------------------

def peers(options, machine, work):
    need(numpy="numpy", sklearn="scikit-learn")
    import numpy as np
    import sklearn
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    train_set, test_set = mnist(options, work, "train"), mnist(options, work, "t10k")

    def pixels(paths):
        (n, *_), data = read_idx(paths[0])
        return np.frombuffer(data, np.uint8).reshape(n, -1), np.frombuffer(read_idx(paths[1])[1], np.uint8)

    rows = []

    def add(name, n_wrong, n, train_seconds, answer_seconds):
        rows.append({"name": name, "wrong": int(n_wrong), "total": int(n), "train_seconds": train_seconds,
                     "answer_seconds": answer_seconds})
        write_json(options, machine, sklearn=sklearn.__version__, rows=rows)

    arguments = shlex.split(options.ours)
    for backend in (["cuda"] if machine["gpus"] else []) + ["cpu"]:
        say(f"jacquard, {backend}")
        r = train_once(options, 1, train_set, work / "x.model",
                       [*arguments, "--backend", backend, "--seed", str(options.seed)])
        n_wrong, n, seconds = evaluate(options, work / "x.model", test_set, work)
        add(f"jacquard, {backend}, {options.rounds} rounds {options.ours}".rstrip(), n_wrong, n, r["end_to_end"],
            seconds)
    (x, y), (x_test, y_test) = pixels(train_set), pixels(test_set)
    for name, peer in (
            (f"HistGradientBoostingClassifier, {options.iterations} iterations",
             HistGradientBoostingClassifier(max_iter=options.iterations, early_stopping=False,
                                            random_state=options.seed)),
            (f"RandomForestClassifier, {options.trees} trees",
             RandomForestClassifier(n_estimators=options.trees, n_jobs=-1, random_state=options.seed))):
        say(name)
        start = time.perf_counter()
        peer.fit(x, y)
        trained = time.perf_counter()
        n_wrong = (peer.predict(x_test) != y_test).sum()
        add(name, n_wrong, len(y_test), trained - start, time.perf_counter() - trained)

    unit = rows[0]
    print(f"\nscikit-learn {sklearn.__version__}, raw pixels, otherwise its defaults; seed {options.seed}; all cores "
          "each; our seconds with reading and writing files, theirs without; ratios to the first line")
    print_table(["", "error %", "train s", "ratio", "answer s", "ratio"],
                [[r["name"], f"{100 * r['wrong'] / r['total']:.2f}", f"{r['train_seconds']:.2f}",
                  f"{r['train_seconds'] / unit['train_seconds']:.2f}", f"{r['answer_seconds']:.2f}",
                  f"{r['answer_seconds'] / unit['answer_seconds']:.2f}"] for r in rows])
    return 0


# ---- options --------------------------------------------------------------------------------------------------------

def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def positives(text):
    return [positive(x) for x in text.split(",")]


def backends(text):
    names = text.split(",")
    if not set(names) <= {"cuda", "cpu", "cpu1"}:
        raise ValueError(text)
    return names


def own_setting(text):
    name, equals, arguments = text.partition("=")
    if not (name and equals):
        raise ValueError(text)
    return name, arguments


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, default=Path(os.environ.get("JACQUARD_MNIST") or DATA / "mnist"),
                        help="folder of the four MNIST files, plain or .gz (default: JACQUARD_MNIST, else %(default)s)")
    common.add_argument("--subset", type=positive, metavar="N", help="only the first N images of each file: a trial")
    common.add_argument("--json", type=Path, metavar="OUT", help="also write every single figure to this file")
    common.add_argument("--jacquard", help="the program (default: JACQUARD, else under build*)")
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND")

    c = commands.add_parser("scan", parents=[common], help="GPU, all cores and one thread on the student project's job")
    c.add_argument("--runs", type=positive, default=3, help="runs of each but one thread (default 3)")
    c.add_argument("--one-thread-runs", type=positive, default=1, help="runs on one thread, --runs at most (default 1)")
    c.set_defaults(job=scan)

    c = commands.add_parser("train", parents=[common], help="rounds a second on backends and ranks; is it one model?")
    c.add_argument("--rounds", type=positive, default=200, help="weak learners (default 200)")
    c.add_argument("--search", metavar="HOW", help="lazy:N or exhaustive (default: train's)")
    c.add_argument("--ranks", type=positives, default=[1], metavar="N,...", help="numbers of ranks (default 1)")
    c.add_argument("--shard", metavar="HOW", help="data, features or DxF, where there are several ranks")
    c.add_argument("--on", type=backends, help="of cuda,cpu,cpu1 (one thread a rank); default: what is there")
    c.add_argument("--runs", type=positive, default=1, help="runs of each (default 1); medians are shown")
    c.add_argument("--ours", default="", help="more options for jacquard train, e.g. --ours='--leaves 16'")
    c.set_defaults(job=train)

    c = commands.add_parser("accuracy", parents=[common], help="errors of settings over seeds")
    c.add_argument("--rounds", type=positive, default=2000, help="weak learners (default 2000)")
    c.add_argument("--seeds", type=positives, default=[1, 2, 3], metavar="S,...", help="default 1,2,3")
    c.add_argument("--only", type=lambda s: s.split(","), metavar="NAME,...", help=f"of {', '.join(SETTINGS)}")
    c.add_argument("--setting", type=own_setting, action="append", default=[], metavar="NAME=OPTIONS",
                   help="one more, e.g. --setting='mine=--leaves 12 --deskew'; may be repeated")
    c.add_argument("--validation", type=int, metavar="N",
                   help="hold out the last N training images (default 0; with --held-out a sixth: 10,000)")
    c.add_argument("--held-out", action="store_true",
                   help="to choose settings: judged on the images held out only, the test set is not opened")
    c.add_argument("--backend", default="auto", help="auto (default), cpu, cuda")
    c.add_argument("--threads", type=positive, help="threads a rank")
    c.add_argument("--ranks", type=positive, default=1, help="ranks that train (default 1)")
    c.set_defaults(job=accuracy)

    c = commands.add_parser("peers", parents=[common], help="scikit-learn's classifiers beside ours (needs it)")
    c.add_argument("--rounds", type=positive, default=2000, help="our weak learners (default 2000)")
    c.add_argument("--iterations", type=positive, default=200,
                   help="of HistGradientBoosting (default 200, its own is 100)")
    c.add_argument("--trees", type=positive, default=500, help="of RandomForest (default 500, its own is 100)")
    c.add_argument("--seed", type=positive, default=1, help="of all three (default 1)")
    c.add_argument("--ours", default="", help="more options for jacquard train (default: none, raw pixels for all)")
    c.set_defaults(job=peers)
    options = p.parse_args()
    if getattr(options, "validation", None) is not None and options.validation < 0:
        p.error("--validation is 0 or more")
    return options


def main():
    options = parse_options()
    options.jacquard = find_program("jacquard", options.jacquard)
    if options.command == "peers":
        need(numpy="numpy", sklearn="scikit-learn")
    machine = look_at_machine(options)
    with tempfile.TemporaryDirectory(prefix="jacquard-haar.") as work:
        return options.job(options, machine, Path(work))


if __name__ == "__main__":
    sys.exit(main())
