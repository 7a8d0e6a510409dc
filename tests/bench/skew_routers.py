#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Gives the routers of a synthetic stock file likings, in place, so that every program that reads it routes alike.

    skew_routers.py MODEL.gguf [--liking S] [--own E]

Routers of random weights choose the same experts for every token: all of a random model's tokens have mostly attention's
average in common. Here the first 32 numbers of each embedding (one block of q4_0) become one constant, and the others grow
to a deviation of E, of which less is lost among what layers add. A router has the constant times a normal number for each
expert, of a deviation of S times that of the rest of its output: how much it is liked by all tokens. Logits are made
small, so that sampled tokens are nearly uniform. Needs numpy and gguf; the file must be of --type q4_0."""

import argparse

import gguf
import numpy as np

BLOCK = 32
STEPS = 7  # what nibble 15 stands for
EVEN, EVEN_STEP = 0.02, 0.02 * 3**0.5 / 8  # the deviation of synthetic weights, and a block's step of them


def embeddings(data, own):
    blocks = data.reshape(-1, gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType.Q4_0][1])
    steps = blocks[:, :2].view(np.float16)
    steps *= np.float16(own * EVEN_STEP / np.abs(steps[: data.shape[1]]).mean(dtype=np.float64) / EVEN)
    first = data[:, : blocks.shape[1]]
    first[:, :2] = np.frombuffer(np.float16(own / STEPS).tobytes(), np.uint8)
    first[:, 2:] = 0xFF


def router(data, liking, rng):
    """What the rest of a router's output deviates by is that of a sum of as many products."""
    rest = EVEN * np.sqrt(data.shape[1] - BLOCK)
    data[:, :BLOCK] = rng.normal(0, liking * rest / BLOCK, (data.shape[0], 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--liking", type=float, default=1.0)
    parser.add_argument("--own", type=float, default=1.0)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    for tensor in gguf.GGUFReader(args.model, "r+").tensors:
        if tensor.name == "token_embd.weight":
            embeddings(tensor.data, args.own)
        elif tensor.name == "output_norm.weight":
            tensor.data[:] = 0.05
            tensor.data[:BLOCK] = 0
        elif tensor.name.endswith("ffn_gate_inp.weight"):
            router(tensor.data, args.liking, rng)


main()
