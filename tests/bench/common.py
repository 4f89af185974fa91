"""common: what the three measuring scripts share. Nothing here measures.

Programs are found by option, by environment (JACQUARD, DUMP_PIXELS) or under build*/ of this repository; films in the
folder JACQUARD_TEST_DATA, else beside the repository. What is missing is said in one line and ends the script with 77.
"""

import importlib
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("JACQUARD_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
