#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""How long whoever reads an answer waits for its next token while a long prompt of somebody else's comes.

    PATH=build/tools:$PATH PYTHONPATH=tests/cli tests/bench/serve_gap.py MODEL [OPTION of wick serve...]

Prints, for each round, the tokens of a stream alone and the longest gap between two events while a prompt of some 1,900 tokens is
read, beside what is promised: a second, or two tokens if those take longer.
"""
import json
import statistics
import sys
import threading
import time

from serve import Server

ROUNDS = 3
ALONE = 40  # tokens of the stream before the prompt comes
WORDS = "the old man looked at the sea and the sea looked at him ".split()


def long_prompt(number):
    return [{"role": "user", "content": f"{number} " + " ".join(WORDS[(i * 7 + number) % len(WORDS)] for i in range(1850))}]


def ask(server, number, done):
    """The long prompt's request: when its first token is there, nothing is read any more."""
    status, _, text = server.ask("POST", "/v1/chat/completions", {"messages": long_prompt(number), "max_tokens": 1, "temperature": 0})
    assert status == 200, text
    done.append((time.monotonic(), json.loads(text)["usage"]["prompt_tokens"]))


def one_round(server, number):
    body = {"messages": [{"role": "user", "content": f"Count from {number}."}], "max_tokens": 2000, "ignore_eos": True, "temperature": 0, "stream": True}
    connection = server.connect(3600)
    response = server.send(connection, "POST", "/v1/chat/completions", body)
    times, done, asked = [], [], None
    while not done or times[-1] < done[0][0]:
        if response.readline().startswith(b"data: {"):
            times.append(time.monotonic())
        if asked is None and len(times) == ALONE:
            asked = times[-1]
            threading.Thread(target=ask, args=(server, number, done)).start()
    connection.close()
    gaps = [(after - before, after) for before, after in zip(times, times[1:])]
    alone = statistics.median(gap for gap, at in gaps[4:] if at <= asked)
    beside = [gap for gap, at in gaps if at > asked]
    print(f"a token alone {1e3 * alone:.0f} ms; beside a prompt of {done[0][1]} tokens, which took {done[0][0] - asked:.1f} s: {len(beside)} tokens,",
          f"longest gap {1e3 * max(beside):.0f} ms, {max(beside) / max(1, 2 * alone):.2f} of what is promised")


server = Server(*sys.argv[2:], model=sys.argv[1], template=None)
for number in range(ROUNDS):
    one_round(server, number)
print("exit", server.end())
