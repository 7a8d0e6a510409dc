#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""No file calls another that calls it back, by whatever way: so each can be read, and tested, before those above it.

circles.py SOURCE BUILD: looks at the objects of the library and of the program, as nm lists them.
"""

import json
import pathlib
import subprocess
import sys

# A language is recursive: an expression has a call in it, a call runs statements, a statement has expressions.
RECURSIVE = "template_"


def symbols(build, paths):
    """The names that each object defines, and those that it needs."""
    defined, needed = {path: set() for path in paths}, {path: set() for path in paths}
    lines = subprocess.run(["nm", "--extern-only", "--print-file-name", *paths], cwd=build, capture_output=True, text=True,
                           check=True).stdout
    for line in lines.splitlines():
        path, _, rest = line.partition(":")
        *_, kind, name = rest.split()
        (needed if kind == "U" else defined)[pathlib.Path(path)].add(name)
    return defined, needed


def calls(build):
    """Each object of src, io and tools with the objects that it calls."""
    made = [pathlib.Path(one["output"]) for one in json.loads((build / "compile_commands.json").read_text())]
    defined, needed = symbols(build, [path for path in made if path.parts[0] in ("src", "io", "tools")])
    owner = {name: path for path, names in defined.items() for name in names}
    return {path: {owner[name] for name in names if name in owner} - {path} for path, names in needed.items()}


def reached(graph, start):
    seen, waiting = set(), [start]
    while waiting:
        for path in graph[waiting.pop()] - seen:
            seen.add(path)
            waiting.append(path)
    return seen


def main():
    build = pathlib.Path(sys.argv[2])
    graph = calls(build)
    far = {path: reached(graph, path) for path in graph}
    names = lambda paths: ", ".join(sorted(path.name.removesuffix(".o") for path in paths))
    circles = {names(other for other in far[path] if path in far[other]) for path in graph
               if path in far[path] and not path.name.startswith(RECURSIVE)}
    for circle in sorted(circles):
        print("call each other:", circle)
    sys.exit(bool(circles))


main()
