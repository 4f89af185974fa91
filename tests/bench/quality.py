#!/usr/bin/env python3
"""quality: is jacquard's k-means as good as scikit-learn's KMeans(n_init=20)? Judged on the very same pixels.

dump_pixels writes the pixels of the sampled frames, jacquard its centres for the same frames, scikit-learn clusters
the dumped pixels twice (seeds A and B), and one outside float64 scorer computes the inertia of everybody's centres over
all pixels. B/A is the noise floor: what scikit-learn loses or wins against itself. README.md says what is printed.

Exit code: 0 non-inferior for every k and all checks hold, 1 not, 2 usage or a program failed, 77 something is missing.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shlex
import sys
import tempfile
import time
import warnings
from pathlib import Path

from common import CORES, call, find_program, leave, need, parse_size, pick_films, read_ppm, say

need(numpy="numpy", sklearn="scikit-learn", threadpoolctl="threadpoolctl")

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

MEAN_MARGIN = 0.0005   # the rule: mean(ours/A) <= mean(B/A) + 0.0005 ...
SHARE_MARGIN = 0.01    # ... and share(ours/A > 1.001) <= share(B/A > 1.001) + 1 point
# Below this inertia per pixel a frame counts as solved exactly: float64 centres of k colours miss them by about 1e-14.
ZERO_PER_PIXEL = 1e-18


# ---- pixels, scorer, statistics -------------------------------------------------------------------------------------

def score(pixels, centres):
    """The outside scorer: (inertia, counts) of all pixels against their nearest centre, in float64.

    Differences are squared as they are (no |x|^2 - 2xc + |c|^2), so nothing cancels.
    """
    pixels = pixels.astype(np.float64)
    distance = np.empty((len(centres), len(pixels)))
    for i, centre in enumerate(np.asarray(centres, np.float64)):
        distance[i] = ((pixels - centre) ** 2).sum(axis=1)
    label = distance.argmin(axis=0)
    return float(distance.min(axis=0).sum()), np.bincount(label, minlength=len(centres))


def round_centres(centres):
    return np.clip(np.floor(np.asarray(centres, np.float64) + 0.5), 0, 255)


def ratio(ours, theirs, n_pixels):
    """ours / theirs; 1 where both are zero, infinity where only theirs is."""
    zero = ZERO_PER_PIXEL * n_pixels
    if theirs <= zero:
        return 1.0 if ours <= zero else float("inf")
    return ours / theirs


def summary(ratios):
    r = np.asarray(ratios, np.float64)
    if len(r) == 0:
        return None
    return {"mean": float(r.mean()), "median": float(np.median(r)), "p95": float(np.percentile(r, 95)),
            "max": float(r.max()), "share_above_1.001": float((r > 1.001).mean()),
            "share_below_0.999": float((r < 0.999).mean())}


def non_inferiority(frames, resamples=10000):
    """The rule on these frames, and its bootstrap by film: neighbouring frames are alike, films are not."""
    films = sorted({f["film"] for f in frames})
    mean_gap = [np.array([f["ours/A"] - f["B/A"] for f in frames if f["film"] == film]) for film in films]
    share_gap = [np.array([float(f["ours/A"] > 1.001) - float(f["B/A"] > 1.001) for f in frames if f["film"] == film])
                 for film in films]
    n = np.array([len(x) for x in mean_gap], np.float64)
    mean_sum, share_sum = np.array([x.sum() for x in mean_gap]), np.array([x.sum() for x in share_gap])
    pick = np.random.default_rng(1).integers(0, len(films), (resamples, len(films)))
    boot_n = n[pick].sum(axis=1)
    boot_mean, boot_share = mean_sum[pick].sum(axis=1) / boot_n, share_sum[pick].sum(axis=1) / boot_n
    mean, share = mean_sum.sum() / n.sum(), share_sum.sum() / n.sum()
    return {"mean_gap": float(mean), "mean_gap_upper95": float(np.percentile(boot_mean, 95)),
            "share_gap": float(share), "share_gap_upper95": float(np.percentile(boot_share, 95)),
            "holds_in_resamples": float(((boot_mean <= MEAN_MARGIN) & (boot_share <= SHARE_MARGIN)).mean()),
            "holds": bool(mean <= MEAN_MARGIN and share <= SHARE_MARGIN)}


# ---- scikit-learn, with a cache on disk -----------------------------------------------------------------------------

def sklearn_fit(pixels, k, seed, n_init, unique):
    """Centres as scikit-learn finds them with its own defaults, from all pixels or from the unique colours."""
    weights, tolerance = None, 1e-4
    data = pixels.astype(np.float64)
    if unique:
        # scikit-learn scales tol by the unweighted variance of what it is given; undo that, so that both ways stop by
        # the same rule.
        spread = data.var(axis=0).mean()
        colours, weights = np.unique(pixels, axis=0, return_counts=True)
        data, weights = colours.astype(np.float64), weights.astype(np.float64)
        if len(data) <= k:
            return data, 0
        tolerance *= spread / data.var(axis=0).mean()
    model = KMeans(n_clusters=k, init="k-means++", n_init=n_init, algorithm="lloyd", tol=tolerance, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer colours than clusters
        model.fit(data, sample_weight=weights)
    return model.cluster_centers_, int(model.n_iter_)


def cache_path(folder, digest, k, seed, n_init, unique):
    way = "unique" if unique else "all"
    return Path(folder) / f"{digest}-k{k}-seed{seed}-n{n_init}-{way}-{sklearn.__version__}.json"


def sklearn_task(ppm, path, k, seed, n_init, unique, threads):
    """Runs in a worker; the result is the file at path, written whole or not at all. Returns the seconds taken."""
    pixels = read_ppm(ppm)
    start = time.perf_counter()
    with threadpool_limits(threads):
        centres, iterations = sklearn_fit(pixels, k, seed, n_init, unique)
    seconds = time.perf_counter() - start
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"centres": centres.tolist(), "iterations": iterations, "seconds": seconds,
                                     "threads": threads}))
    temporary.replace(path)
    return seconds


def run_sklearn(tasks, jobs):
    """Runs what the cache does not hold, with a line of progress now and then."""
    tasks = list({task[1]: task for task in tasks if not task[1].exists()}.values())
    if not tasks:
        return
    threads = max(1, CORES // jobs)
    say(f"scikit-learn: {len(tasks)} runs to do, {jobs} at a time with {threads} threads each")
    start, told = time.monotonic(), 0.0
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        futures = [pool.submit(sklearn_task, *task, threads) for task in tasks]
        try:
            for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
                future.result()
                spent = time.monotonic() - start
                if spent - told > 30 or done == len(tasks):
                    told = spent
                    left = spent / done * (len(tasks) - done)
                    say(f"scikit-learn: {done}/{len(tasks)}, {spent:.0f} s, about {left:.0f} s left")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# ---- the program under test -----------------------------------------------------------------------------------------

def load_film(options, film, work, n_columns):
    """One record a sampled frame: {film, frame, ppm, digest, ours: {k: column of the side-car}}."""
    film_work = Path(work) / hashlib.sha256(str(film).encode()).hexdigest()[:16]
    pixels = film_work / "pixels"
    pixels.mkdir(parents=True)
    sampling = ["--columns", str(n_columns), "--scale", options.scale]
    call([options.dump_pixels, str(film), str(pixels), *sampling])
    pictures = {int(ppm.stem): ppm for ppm in pixels.glob("*.ppm")}
    columns = {}
    for k in options.k:
        side_car = film_work / f"k{k}.json"
        call([options.jacquard, "barcode", str(film), "-o", str(film_work / f"k{k}.png"), "--json", str(side_car),
              "-k", str(k), "--backend", options.backend, "--crop", "none", "--progress", "none", *sampling,
              *options.ours])
        columns[k] = {column["frame"]: column for column in json.loads(side_car.read_text())["columns"]}
        if columns[k].keys() != pictures.keys():
            leave(2, f"{film}: dump_pixels and jacquard -k {k} did not sample the same frames")
    return [{"film": film.name, "frame": number, "ppm": ppm, "ours": {k: columns[k][number] for k in options.k},
             "digest": hashlib.sha256(read_ppm(ppm).tobytes()).hexdigest()[:32]}
            for number, ppm in sorted(pictures.items())]


def judge(frame, pixels, k, results):
    """One frame at one k: everybody's inertia from the outside scorer, the ratios, and whether ours told the truth."""
    column, n = frame["ours"][k], len(pixels)
    centres = {"ours": [c["rgb"] for c in column["clusters"]]} | {name: r["centres"] for name, r in results.items()}
    full = {name: score(pixels, c) for name, c in centres.items()}
    rounded = {name: score(pixels, round_centres(c))[0] for name, c in centres.items()}
    inertia = {name: value for name, (value, _) in full.items()}
    zero = inertia["A"] <= ZERO_PER_PIXEL * n
    best = min(inertia.values())
    stated = column["inertia"]
    error = abs(stated - inertia["ours"]) / inertia["ours"] if inertia["ours"] > ZERO_PER_PIXEL * n else abs(stated) / n
    counts = [c["count"] for c in column["clusters"]]
    return {"film": frame["film"], "frame": frame["frame"], "k": k, "pixels": n, "zero": zero, "inertia": inertia,
            "inertia_8bit": rounded, "stated_inertia": stated, "stated_error": error, "clusters": len(counts),
            "counts_whole": sum(counts) == n,
            "counts_moved": int(np.abs(np.array(counts) - full["ours"][1]).sum() // 2),
            "ours/A": ratio(inertia["ours"], inertia["A"], n), "B/A": ratio(inertia["B"], inertia["A"], n),
            "ours/best": ratio(inertia["ours"], best, n), "A/best": ratio(inertia["A"], best, n),
            "B/best": ratio(inertia["B"], best, n), "ours/A 8-bit": ratio(rounded["ours"], rounded["A"], n),
            "B/A 8-bit": ratio(rounded["B"], rounded["A"], n)}


def is_misstated(frame, tolerance):
    """Further off than the tolerance, and than the pixels that were counted in another cluster account for."""
    off_by = abs(frame["stated_inertia"] - frame["inertia"]["ours"])
    return frame["stated_error"] >= tolerance and off_by > frame["counts_moved"] / 256


RATIOS = ["ours/A", "B/A", "ours/best", "A/best", "B/best", "ours/A 8-bit", "B/A 8-bit"]


def report(k, frames, by_film, tolerance):
    """Prints the table of one k and returns what it says."""
    judged = [f for f in frames if not f["zero"]]
    zeros = [f for f in frames if f["zero"]]
    unsolved = [f for f in zeros if f["ours/A"] != 1.0]
    print(f"\nk = {k}: {len(judged)} frames, {len(zeros)} more with zero inertia "
          f"({len(unsolved)} of them not zero for ours)")
    print(f"  {'inertia ratio':<14}{'mean':>10}{'median':>10}{'p95':>10}{'max':>10}{'> 1.001':>10}{'< 0.999':>10}")
    ratios = {name: summary([f[name] for f in judged]) for name in RATIOS}
    for name, s in ratios.items():
        if s:
            print(f"  {name:<14}{s['mean']:10.5f}{s['median']:10.5f}{s['p95']:10.5f}{s['max']:10.5f}"
                  f"{100 * s['share_above_1.001']:8.1f} %{100 * s['share_below_0.999']:8.1f} %")
    if by_film:
        for film in sorted({f["film"] for f in judged}):
            ours, b = (summary([f[r] for f in judged if f["film"] == film]) for r in ("ours/A", "B/A"))
            print(f"  {film[:36]:<38} ours/A mean {ours['mean']:.5f} max {ours['max']:.5f} | B/A mean {b['mean']:.5f}"
                  f" max {b['max']:.5f}")
    rule = non_inferiority(judged) if judged else {"holds": True}
    if judged:
        print(f"  mean(ours/A) - mean(B/A) = {rule['mean_gap']:+.5f}, 95 % sure below {rule['mean_gap_upper95']:+.5f}"
              f" (rule: {MEAN_MARGIN})")
        print(f"  share > 1.001, ours - B  = {100 * rule['share_gap']:+.1f} points, 95 % sure below "
              f"{100 * rule['share_gap_upper95']:+.1f} (rule: {100 * SHARE_MARGIN:.0f})")
        n_films = len({f["film"] for f in judged})
        print(f"  -> {'non-inferior' if rule['holds'] else 'INFERIOR'}; the rule holds in "
              f"{100 * rule['holds_in_resamples']:.1f} % of bootstrap resamples of {n_films} films"
              f"{' (too few to mean anything)' if n_films < 3 else ''}")
        worst = sorted(judged, key=lambda f: -f["ours/A"])[:3]
        for f in worst:
            print(f"  worst: {f['film']} frame {f['frame']}: ours/A {f['ours/A']:.5f}, B/A {f['B/A']:.5f}")
    error = max(f["stated_error"] for f in frames)
    broken = sum(not f["counts_whole"] for f in frames)
    moved = max(f["counts_moved"] for f in frames)
    off = sum(is_misstated(f, tolerance) for f in frames)
    print(f"  stated inertia: largest relative error {error:.1e}; {off} of {len(frames)} frames at {tolerance:.0e} or "
          f"above, beyond 1/256 a pixel of those below ({'WRONG' if off else 'ok'})")
    print(f"  stated counts: do not sum to the pixels on {broken} frames ({'WRONG' if broken else 'ok'})")
    print(f"  labels: on {sum(f['counts_moved'] > 0 for f in frames)} frames, at most {moved} pixels, counted in "
          "another cluster than the scorer's (near ties)")
    faults = [text for text, found in (("inferior", not rule["holds"]), ("not zero where it could be", unsolved),
                                       ("stated inertia", off), ("stated counts", broken)) if found]
    return {"frames": len(judged), "zero_frames": len(zeros), "zero_unsolved": len(unsolved), "ratios": ratios,
            "rule": rule, "stated_error": error, "stated_off": off, "counts_broken": broken, "counts_moved": moved,
            "faults": faults}


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("films", nargs="*", type=Path, help="films (default: the list in the README)")
    p.add_argument("--frames", type=int, default=70, help="frames in all, shared evenly by the films (default 70)")
    p.add_argument("-k", type=lambda s: [int(x) for x in s.split(",")], default=[3, 5, 8, 16], help="default 3,5,8,16")
    p.add_argument("--scale", default="480x270", help="box that the clustered picture is fitted in (default 480x270)")
    p.add_argument("--seeds", type=lambda s: [int(x) for x in s.split(",")], default=[1, 2], help="A,B (default 1,2)")
    p.add_argument("--n-init", type=int, default=20, help="scikit-learn's restarts (default 20)")
    p.add_argument("--unique", action="store_true", help="give scikit-learn unique colours and weights (faster)")
    p.add_argument("--jobs", type=int, default=CORES, help=f"scikit-learn runs at a time (default {CORES}, all cores)")
    p.add_argument("--cache", type=Path, help="folder of scikit-learn's results (default ~/.cache/jacquard-bench)")
    p.add_argument("--out", type=Path, help="also write everything as JSON to this file")
    p.add_argument("--by-film", action="store_true", help="a line a film under each table")
    p.add_argument("--backend", default="cpu", help="backend of jacquard (default cpu)")
    p.add_argument("--ours", default="", help="more options for jacquard barcode, e.g. --ours='--seed 7 --plain'")
    p.add_argument("--stated-tolerance", type=float, default=1e-8,
                   help="relative error allowed of jacquard's own inertia (default 1e-8: a pixel within 1/256 squared level of a tie may count with either centre)")
    p.add_argument("--jacquard", help="the program (default: JACQUARD, else under build*)")
    p.add_argument("--dump-pixels", help="the program (default: DUMP_PIXELS, else under build*)")
    options = p.parse_args()
    if len(options.seeds) != 2 or options.seeds[0] == options.seeds[1]:
        p.error("--seeds wants two different numbers: A,B")
    if options.frames < 1 or options.jobs < 1 or min(options.k) < 1:
        p.error("--frames, --jobs and -k are at least 1")
    try:
        parse_size(options.scale)
    except ValueError:
        p.error(f"--scale {options.scale}: WIDTHxHEIGHT is wanted")
    options.ours = shlex.split(options.ours)
    return options


def main():
    options = parse_options()
    options.jacquard = find_program("jacquard", options.jacquard)
    options.dump_pixels = find_program("dump_pixels", options.dump_pixels)
    films = pick_films(options.films, options.frames)
    cache = options.cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jacquard-bench"
    cache.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory(prefix="jacquard-quality.") as work:
        frames = []
        for film, n in films:
            say(f"jacquard: {film.name}, {n} frames, k = {', '.join(map(str, options.k))}")
            frames += load_film(options, film, work, n)
        names = dict(zip("AB", options.seeds))
        paths = {(f["digest"], k, name): cache_path(cache, f["digest"], k, seed, options.n_init, options.unique)
                 for f in frames for k in options.k for name, seed in names.items()}
        run_sklearn([(f["ppm"], paths[f["digest"], k, name], k, seed, options.n_init, options.unique)
                     for k in options.k for f in frames for name, seed in names.items()], options.jobs)
        judged = []
        for f in frames:
            pixels = read_ppm(f["ppm"])
            for k in options.k:
                results = {name: json.loads(paths[f["digest"], k, name].read_text()) for name in names}
                judged.append(judge(f, pixels, k, results))

    way = "unique colours with weights" if options.unique else "all pixels"
    n_films, sizes = len({f["film"] for f in frames}), sorted({j["pixels"] for j in judged})
    print(f"{len(frames)} frames of {n_films} films, {' or '.join(map(str, sizes))} pixels each")
    print(f"scikit-learn {sklearn.__version__} KMeans(n_init={options.n_init}) on {way}, seeds A = {options.seeds[0]}, "
          f"B = {options.seeds[1]}; jacquard {options.backend} {' '.join(options.ours)}")
    summaries = {k: report(k, [j for j in judged if j["k"] == k], options.by_film, options.stated_tolerance)
                 for k in options.k}
    passed = not any(s["faults"] for s in summaries.values())
    print(f"\n{'passed' if passed else 'FAILED'}: " + ", ".join(
        f"k={k} {' and '.join(s['faults']) or 'ok'}" for k, s in summaries.items()))
    if options.out:
        options.out.write_text(json.dumps({
            "scikit-learn": sklearn.__version__, "n_init": options.n_init, "seeds": options.seeds,
            "unique": options.unique, "scale": options.scale, "ours": options.ours, "backend": options.backend,
            "passed": passed,
            "summary": summaries, "frames": judged}, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
