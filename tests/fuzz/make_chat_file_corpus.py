#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the corpus of saved conversations: sound ones, and the ways in which they go wrong."""
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "chat_file"
MODEL = {"arch": "opt", "layers": 2}
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "h\u00e9llo"},
         {"role": "assistant", "content": "hi", "reasoning_content": "well"}]


def fnv(messages):
    total = 0xcbf29ce484222325
    for byte in json.dumps(messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode():
        total = (total ^ byte) * 0x100000001b3 % 2**64
    return f"{total:016x}"


def saved(messages, **changed):
    return json.dumps({"wick_chat": 1, "model": MODEL, "sum": fnv(messages), "messages": messages, **changed})


FOLDER.mkdir(parents=True, exist_ok=True)
for name, text in {
        "sound": saved(HELLO), "no-messages": saved([]), "another-model": saved(HELLO, model={"arch": "llama", "layers": 2}),
        "damaged": saved(HELLO, sum="0" * 16), "later": saved(HELLO, wick_chat=2), "no-role": saved([{"content": "x"}]),
        "no-object": saved(["x"]), "sum-is-no-text": saved(HELLO, sum=5), "cut": saved(HELLO)[:60], "empty": "", "array": "[]",
        "twice": '{"wick_chat": 1, "wick_chat": 1}'}.items():
    (FOLDER / name).write_text(text)
