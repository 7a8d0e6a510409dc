#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Walk the includes of the whole tree and fail on one that goes up.

    includes.py SOURCE [-v]

A room sees include/common and the rooms below it. The order of those of src stands in src/meson.build, which also keeps
a wrong include from compiling; this test says the same in words, and finds headers that two rooms have under one name,
since an include could then mean either. -v prints the rooms with what each of them includes.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def rooms_below(source):
    """Each room's folder, and the folders whose headers it may include."""
    listed = re.search(r"^rooms = \[(.*?)^\]", (source / "src/meson.build").read_text(), re.S | re.M).group(1)
    names = re.findall(r"^\s*'(\w+)',", listed, re.M)
    below = {"include/common": [], "include/wick": ["include/common"], "io": ["include/common"], "kernels": ["include/common"]}
    ground = ["include/common", "include/wick", "io", "kernels"]
    for i, name in enumerate(names):
        below["src/" + name] = ground + ["src/" + other for other in names[:i]]
    below["serve"] = ["include/common", "include/wick"]
    return below


def sources(folder, deep):
    return sorted(path for path in (folder.rglob("*") if deep else folder.glob("*")) if path.suffix in (".c", ".h"))


def is_deep(room):
    return room in ("io", "kernels")


def find_headers(source, below):
    """Header name to the rooms that have one."""
    headers = {}
    for room in below:
        for path in sources(source / room, is_deep(room)):
            if path.suffix == ".h":
                headers.setdefault(path.name, set()).add(room)
    return headers


def walk(source, below, headers):
    """Yields (file, included name, rooms that have it, room of the file)."""
    for room in below:
        for path in sources(source / room, is_deep(room)):
            for name in INCLUDE.findall(path.read_text()):
                owners = headers.get(pathlib.PurePath(name).name)
                if owners:
                    yield path, name, owners, room


def main(source, verbose):
    below = rooms_below(source)
    headers = find_headers(source, below)
    wrong, seen = [], {room: set() for room in below}
    for name, owners in sorted(headers.items()):
        if len(owners) > 1:
            wrong.append(f"{name} is a header of {' and of '.join(sorted(owners))}")
    for path, name, owners, room in walk(source, below, headers):
        seen[room] |= owners - {room}
        for owner in owners - {room} - set(below[room]):
            wrong.append(f"{path.relative_to(source)} includes {name} of {owner}, which is not below {room}")
    unlisted = {f"src/{folder.name}" for folder in (source / "src").iterdir() if folder.is_dir()} - set(below)
    wrong += [f"{folder} is not among the rooms of src/meson.build" for folder in sorted(unlisted)]
    if verbose:
        for room, others in seen.items():
            print(f"{room:16} {' '.join(sorted(others)) or '-'}")
    print("\n".join(wrong) or f"{len(below)} rooms, no include goes up")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "-v" in sys.argv[2:]))
