#!/usr/bin/env python3
"""Whether what the documents name is there: links.py JACQUARD

In every *.md of the repository: links lead to a file and, with #, to a heading of it; paths in `code` exist; options
of `jacquard COMMAND` are known to its --help, and options that stand alone to some command or script.
"""
import glob
import os
import re
import subprocess
import sys

program = os.path.abspath(sys.argv[1])
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
TOP = ("src", "mpi", "kernels", "tests", "scripts", "slurm", "doc", "cmake", ".ci")
FILE = re.compile(r"^[\w./*{},-]+\.(c|h|cu|cuh|sh|py|md|sbatch|cmake)$")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]+)")
NAMED_BY_USERS = {"digits.h"}
TO_BE_MADE = {"src/compute/no_hip.c"}  # by whoever follows doc/backends.md
OLDER = {"--lanes"}  # understood, not shown by --help
faults = []


def help_of(command):
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True).stdout


commands = re.findall(r"^  ([a-z]+) ", help_of([]), re.M)
options = {c: set(OPTION.findall(help_of([c]))) | {"--help"} for c in commands}
options[""] = set(OPTION.findall(help_of([]))) | {"--help", "--version"}
folders = [f for f in glob.glob("**/*", recursive=True) if not f.startswith("build")]
names = {os.path.basename(f) for f in folders} | {os.path.relpath(f, "src") for f in folders if f.startswith("src/")}
scripts = "".join(open(f, encoding="utf-8").read() for f in folders
                  if f.startswith(("scripts/", "slurm/", "tests/bench/")) and f.endswith((".sh", ".py", ".sbatch")))


def headings_of(path):
    lines = re.sub(r"^```.*?^```", "", open(path, encoding="utf-8").read(), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)", lines, re.M)
    return {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}


def braces(path):
    """a{b,c}d -> abd, acd"""
    inner = re.search(r"\{([^{}]*)\}", path)
    if not inner:
        return [path]
    return [p for part in inner[1].split(",") for p in braces(path[: inner.start()] + part + path[inner.end() :])]


def is_there(path):
    return all(glob.glob(p.rstrip("/")) for p in braces(path))


def check_code(fault, code):
    for word in re.findall(r"[^\s`'\"()=;:]+", code):
        word = word.rstrip(".,")
        if word.startswith(TOP) and "/" in word and word.split("/")[0] in TOP and word == re.sub(r"[A-Z<>$]", "", word):
            if not is_there(word) and word not in TO_BE_MADE:
                fault(f"there is no {word}")
        elif FILE.match(word) and "/" not in word and "." in word and word not in NAMED_BY_USERS:
            if not all(p in names or any(glob.fnmatch.fnmatch(n, p) for n in names) for p in braces(word)):
                fault(f"there is no file {word}")


def check_options(fault, code):
    of = None
    for piece in re.split(r"\s\|\s|;|&&", re.sub(r"(?<!\S)#.*", "", code)):
        found = re.search(r"(?:^|[\s/`])jacquard(?:\s+([a-z]+))?(.*)", piece, re.S)
        if found:
            of = found[1] if found[1] in options else ""
            for option in OPTION.findall(found[2]):
                if option not in options[of]:
                    fault(f"jacquard {of} --help does not know {option}")
        elif piece.strip().startswith("--"):
            for option in OPTION.findall(piece):
                if not any(option in o for o in options.values()) and option not in OLDER and option not in scripts:
                    fault(f"nothing knows {option}")


def check(path):
    def fault(what):
        faults.append(f"{path}: {what}")

    text = open(path, encoding="utf-8").read()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S) + re.findall(r"^    .*", text, re.M)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|href)="([^"]+)"', prose):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        at = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(at):
            fault(f"a link to {target}: there is no {at}")
        elif anchor and anchor not in headings_of(at):
            fault(f"a link to {target}: there is no such heading")
    for code in re.findall(r"`([^`\n]+)`", prose):
        check_code(fault, code)
        check_options(fault, code)
    for block in blocks:
        for line in re.sub(r"\\\n", " ", block).splitlines():
            check_code(fault, line)
            check_options(fault, line)


documents = sorted(f for f in glob.glob("**/*.md", recursive=True) if not f.startswith("build"))
for document in documents:
    check(document)
for line in faults:
    print(line)
print(f"{len(documents)} documents, {len(faults)} faults")
sys.exit(1 if faults or len(documents) < 5 or len(commands) < 10 else 0)
