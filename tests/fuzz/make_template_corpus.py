#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of fuzz_template into a folder: the templates of tests/unit/fixtures/template, a file each.

    make_template_corpus.py FOLDER
"""
import pathlib
import sys

FIXTURES = pathlib.Path(__file__).parent.parent / "unit/fixtures/template"


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(FIXTURES.glob("*.jinja")):
        (folder / path.name).write_bytes(path.read_bytes())
    lines = [line for line in (FIXTURES / "snippets.txt").read_text().splitlines() if line and not line.startswith("#")]
    for i, line in enumerate(lines):
        (folder / f"snippet-{i:03}").write_text(line.replace("\u23ce", "\n"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
