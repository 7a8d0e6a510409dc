#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Fail on a function of more than 50 lines and on a goto, in everything that is built.

    functions.py SOURCE
"""
import pathlib
import re
import sys

MOST_LINES = 50
BODY = re.compile(r"^\{\n(.*?)^\}", re.S | re.M)  # the house's style begins and ends a body in the first column


def complaints(path):
    text = path.read_text()
    for body in BODY.finditer(text):
        lines = body.group(1).count("\n")
        if lines > MOST_LINES:
            yield f"{path}:{text.count(chr(10), 0, body.start()) + 1}: a function of {lines} lines"
    for found in re.finditer(r"^\s+goto \w+;", text, re.M):
        yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: a goto"


def main(source):
    rooms = [source / room for room in ("include", "io", "kernels", "src", "tools", "serve") if (source / room).is_dir()]
    files = [path for room in rooms for path in sorted(room.rglob("*.[ch]"))]
    wrong = [line for path in files for line in complaints(path)]
    print("\n".join(wrong) or f"{len(files)} files, no function above {MOST_LINES} lines and no goto")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
