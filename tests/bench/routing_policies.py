#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Share of experts that a cache for all layers has when they are chosen, by policy, over recorded routing.

    routing_policies.py FILE...

A file has a line for each choice, "turn,phase,step,layer,slot,expert,...", of which phase 1 is decoding (CSV, as
BigMoeOnEdge writes it), or an object for each token, {"layers": [[expert, ...], ...]} (JSON lines). Caches are in cycles:
what a token chooses over all layers. The first quarter of the tokens warms the cache up and is not counted.
"""

import collections
import heapq
import json
import pathlib
import sys

CYCLES = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
HALF_LIVES = (64, 512)  # layers
FAST, SLOW, SHARE = 2, 64, 0.4  # of nextuse: half-lives in tokens, and how much the fast one counts
NEVER = float("inf")


def read_lines(text):
    """Tokens of layers of experts."""
    return [json.loads(line.lstrip("# "))["layers"] for line in text.splitlines() if line]


def read_csv(text):
    steps = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in text.splitlines():
        fields = line.split(",")
        if fields[0].isdigit() and fields[1] == "1":
            steps[int(fields[2])][int(fields[3])].append(int(fields[5]))
    return [[layers[layer] for layer in sorted(layers)] for _, layers in sorted(steps.items())]


def visits(tokens):
    """The sets that are chosen together, in order: (token, [(layer, expert), ...])."""
    return [(t, [(layer, expert) for expert in chosen]) for t, layers in enumerate(tokens)
            for layer, chosen in enumerate(layers)]


def next_uses(order):
    """For each visit, when each of its experts is chosen next."""
    after, seen = [None] * len(order), {}
    for i in range(len(order) - 1, -1, -1):
        after[i] = [seen.get(key, NEVER) for key in order[i][1]]
        seen.update((key, i) for key in order[i][1])
    return after


def lru(i, worth, after):
    return i


def decay(half_life):
    """A use is worth half as much half_life visits later. Worths grow instead of shrinking: their order is the same."""
    return lambda i, worth, after: worth + 2.0 ** (i / half_life)


def belady(i, worth, after):
    return -after


class Stale:
    """What this token has passed goes first, by its last use; then what is farthest ahead."""

    def __init__(self, layers):
        self.layers, self.used = layers, {}

    def worth(self, key, i):
        ahead = key[0] - i % self.layers
        return (1, -ahead) if ahead > 0 else (0, self.used[key])

    def touch(self, key, i):
        self.used[key] = i


class NextUse:
    """By the layers until the next use, on average: those until the layer's turn, and all of them for each token without one."""

    def __init__(self, layers):
        self.layers, self.fast, self.slow = layers, collections.defaultdict(float), collections.defaultdict(float)

    def worth(self, key, i):
        fast = self.fast[key] * 2 ** (-i / self.layers / FAST) * (1 - 2 ** (-1 / FAST))
        slow = self.slow[key] * 2 ** (-i / self.layers / SLOW) * (1 - 2 ** (-1 / SLOW))
        slow /= 1 - 2 ** (-(1 + i / self.layers) / SLOW)
        p = min(max(SHARE * fast + (1 - SHARE) * slow, 1e-4), 0.999)
        return -(((key[0] - i % self.layers - 1) % self.layers + 1) + self.layers * (1 - p) / p)

    def touch(self, key, i):
        self.fast[key] += 2 ** (i / self.layers / FAST)
        self.slow[key] += 2 ** (i / self.layers / SLOW)


def hits_by_turn(order, capacity, policy, count_from):
    """As hits, of policies whose order changes with the layer that is computed."""
    here, found, chosen = set(), 0, 0
    for i, (token, keys) in enumerate(order):
        if token >= count_from:
            found += sum(key in here for key in keys)
            chosen += len(keys)
        over = len(here.union(keys)) - capacity
        if over > 0:
            here.difference_update(heapq.nsmallest(over, here.difference(keys), key=lambda key: policy.worth(key, i)))
        here.update(keys)
        for key in keys:
            policy.touch(key, i)
    return 100 * found / chosen


def hits(order, capacity, rank, count_from):
    """The least worth goes, of those that are not chosen now."""
    after, worth, here, heap = next_uses(order), collections.defaultdict(float), set(), []
    found = chosen = 0
    for i, (token, keys) in enumerate(order):
        if token >= count_from:
            found += sum(key in here for key in keys)
            chosen += len(keys)
        missing, held = [key for key in keys if key not in here], []
        while heap and len(here) + len(missing) > capacity:
            value, key = heapq.heappop(heap)
            if key not in here or value != worth[key]:
                continue  # an entry of before its last use
            if key in keys:
                held.append((value, key))
            else:
                here.remove(key)
        for entry in held:
            heapq.heappush(heap, entry)
        here.update(missing)
        for key, then in zip(keys, after[i]):
            worth[key] = rank(i, worth[key], then)
            heapq.heappush(heap, (worth[key], key))
    return 100 * found / chosen


def main(paths):
    policies = [("lru", lru)] + [(f"decay {h}", decay(h)) for h in HALF_LIVES] + [("Belady", belady)]
    turns = [("stale", Stale), ("nextuse", NextUse)]
    print(f"{'trace':32s}{'cycles':>8s}" + "".join(f"{name:>11s}" for name, _ in policies + turns))
    for path in map(pathlib.Path, paths):
        tokens = (read_csv if path.suffix == ".csv" else read_lines)(path.read_text())
        order, cycle = visits(tokens), sum(map(len, tokens[0]))
        for cycles in CYCLES:
            shares = [hits(order, int(cycles * cycle), rank, len(tokens) // 4) for _, rank in policies]
            shares += [hits_by_turn(order, int(cycles * cycle), of(len(tokens[0])), len(tokens) // 4) for _, of in turns]
            print(f"{path.name:32s}{cycles:8.1f}" + "".join(f"{share:11.1f}" for share in shares))


main(sys.argv[1:])
