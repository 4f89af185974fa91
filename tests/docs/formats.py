#!/usr/bin/env python3
"""Whether the fields of files are described: formats.py FORMATS.md SECTION=FILE...

A field is described where its name stands in `code` in the section; members of "settings" may stand in that of the
side-car. FILE: JSON, JSON lines, CSV with a header line, or a model.
"""
import json
import re
import sys


def sections(path):
    words, name = {}, None
    for line in open(path, encoding="utf-8"):
        heading = re.match(r"## (.*)", line)
        if heading:
            name = heading[1]
            words[name] = set()
        elif name:
            codes = re.findall(r"`([^`]*)`", line) + ([line] if line.startswith("    ") else [])
            for code in codes:
                words[name].update(re.findall(r"[\w-]+", code))
    return words


def keys_of(value, in_settings=False):
    """(name, is one of settings) of all members, however deep; by_type and facts have free ones."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item, in_settings)
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, in_settings
            if key != "facts":
                yield from keys_of(item, in_settings or key == "settings")


def fields_of(path):
    text = open(path, encoding="utf-8").read()
    if path.endswith(".ndjson"):
        for line in text.splitlines():
            event = json.loads(line)
            yield event["event"], False
            yield from keys_of(event)
            if event["event"] == "run":
                yield from keys_of({"settings": json.loads(event["settings"])})
    elif path.endswith(".json"):
        yield from keys_of(json.loads(text))
    elif path.endswith(".csv"):
        for name in text.splitlines()[0].split(","):
            yield name, False
    else:  # a model: first words, and words within lines
        for line in text.splitlines():
            for word in re.findall(r"(?:^|\b)[a-z][\w-]*", re.sub(r"^sha256 \w+", "sha256", line)):
                yield word, False


words = sections(sys.argv[1])
words["Checkpoint"] = words["Checkpoint"] | words["Model"]
lacking = set()
n = 0
for argument in sys.argv[2:]:
    section, path = argument.split("=", 1)
    fields = set(fields_of(path))
    if len(fields) < 3:
        sys.exit(f"{path}: no fields in it")
    n += len(fields)
    for field, in_settings in fields:
        if field not in words[section] and not (in_settings and field in words["Side-car"]):
            lacking.add(f"{section}: `{field}` of {path}")
for line in sorted(lacking):
    print("not described in", line)
print(f"{n} fields in {len(sys.argv) - 2} files")
sys.exit(1 if lacking else 0)
