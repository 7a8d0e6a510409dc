#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""What a server costs beside its engine, and what company brings.

    PATH=build/tools:$PATH PYTHONPATH=tests/cli tests/bench/serve_cost.py MODEL [OPTION of wick serve...]

Prints, each the best of several: what HTTP adds to an answer, and to its first byte; tokens a second of one stream and of
eight together; how long a second turn takes to begin that has some 1,900 tokens behind it, beside the new tokens alone.
"""
import json
import sys
import time

from serve import Server, together

TOKENS = 64


def timed(server, messages, tokens):
    """Seconds to the first text and to the end, by the client's clock, and the server's usage."""
    body = {"messages": messages, "max_tokens": tokens, "ignore_eos": True, "temperature": 0, "stream": True,
            "stream_options": {"include_usage": True}}
    connection, begun, first = server.connect(3600), time.monotonic(), None
    response = server.send(connection, "POST", "/v1/chat/completions", body)
    while line := response.readline():
        if first is None and b'"content":"' in line and b'"role"' not in line:
            first = time.monotonic() - begun
        if b'"usage":{' in line:
            usage = json.loads(line[len("data: "):])["usage"]
    connection.close()
    return first, time.monotonic() - begun, usage


def user(text):
    return [{"role": "user", "content": text}]


def http(server):
    added, first = [], []
    for _ in range(5):
        start, end, usage = timed(server, user("hello"), TOKENS)
        engine = usage["wick"]
        before = engine["queued_ms"] + engine["prompt_ms"]
        added.append(1e3 * end - before - engine["decode_ms"])
        first.append(1e3 * start - before)
    print(f"HTTP adds {min(added):.2f} ms to an answer of {TOKENS} tokens, {min(added) / TOKENS:.3f} ms a token;",
          f"the first byte comes {min(first):.2f} ms after the first token")


def company(server):
    rates = {}
    for count in 1, 8, 1, 8:
        begun = time.monotonic()
        works = [lambda i=i: timed(server, user(f"Tell me about the number {i}."), TOKENS) for i in range(count)]
        usages = [usage for _, _, usage in together(*works)]
        seconds = time.monotonic() - begun
        rate = sum(usage["completion_tokens"] for usage in usages) / seconds
        flash = sum(usage["wick"]["flash_bytes"] for usage in usages) / sum(usage["completion_tokens"] for usage in usages)
        rates[count] = max(rates.get(count, (0, 0)), (rate, flash))
    for count, (rate, flash) in rates.items():
        print(f"{count} at once: {rate:.1f} tokens/s, {flash / 1e6:.1f} MB of flash a token")
    print(f"together: {rates[8][0] / rates[1][0]:.2f} times one")


def second_turn(server):
    said = user(" ".join(f"{i}" for i in range(500)))
    _, _, usage = timed(server, said, 1)
    behind = usage["prompt_tokens"]
    turns, begun, alone = [], [], []
    for i in range(3):
        new = f"And what is number {i} of those, if one may ask so plainly?"
        first, _, usage = timed(server, said + [{"role": "assistant", "content": "1"}] + user(new), 1)
        turns.append(usage["wick"]["prompt_ms"])
        begun.append(1e3 * first)
        evaluated = usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]
        _, _, usage = timed(server, user(f"{i} x y z. " + new), 1)
        alone.append(usage["wick"]["prompt_ms"] / (usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]) * evaluated)
    print(f"a second turn with {behind} tokens behind it and {evaluated} new ones begins after {min(begun):.0f} ms,",
          f"{min(b / t for b, t in zip(begun, turns)):.2f} times what these take there;",
          f"so many with nothing behind them take {min(alone):.0f} ms: {min(begun) / min(alone):.2f} times")


def main(model, *options):
    server = Server(*options, "--sessions", "8", model=model, template=None)
    print(server.said.strip())
    http(server)
    company(server)
    second_turn(server)
    server.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
