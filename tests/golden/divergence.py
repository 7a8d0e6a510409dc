#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""How far wick's probabilities are from exact arithmetic on the same quantised weights, on real models.

    python3 -m venv venv && venv/bin/pip install torch transformers gguf accelerate
    venv/bin/python divergence.py BUILD TEXT MODEL.gguf... [--tokens 500] [--prompts 20]

The reference is transformers in float32 over the weights as the public gguf package dequantises them. Told of each model:

    divergence  the mean of KL(reference, wick) over the positions of the first tokens of TEXT, in nats, one token a step and all at
                once; more than 1e-3 fails
    rounding    with --rounded N: what the reference itself diverges by when the inputs of its linear layers, and nothing else, are
                rounded to 8 bits with a step for each N numbers; no more than a figure
    choices     of prompts of 100 tokens, from all over TEXT, at how many positions the reference's best token is 0.05 of probability
                before its second, and at how many of those wick chooses another; any fails
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM

PROMPT = 100
APART = 0.05
MOST = 1e-3


def ids_of(build, model, text):
    out = subprocess.run([build / "tools/wick", "tokenize", model, "--ids", "--no-bos"], input=text.encode(), check=True,
                         stdout=subprocess.PIPE)
    return [int(word) for word in out.stdout.split()]


def wick_logits(build, model, ids, step):
    out = subprocess.run([build / "tests/golden/golden-logits", model, str(step), "400"], input=" ".join(map(str, ids)).encode(),
                         check=True, stdout=subprocess.PIPE)
    return torch.from_numpy(np.frombuffer(out.stdout, "<f4").copy()).reshape(len(ids), -1)


def reference_logits(reference, ids):
    with torch.no_grad():
        return reference(torch.tensor([ids])).logits[0].float()


def divergence(wanted, got):
    wanted, got = (torch.log_softmax(logits.double(), dim=1) for logits in (wanted, got[:, :wanted.shape[1]]))
    return (wanted.exp() * (wanted - got)).sum(dim=1)


def rounded(span):
    """A hook that rounds a layer's input to 127 steps of the largest of each `span` numbers."""
    def hook(_, inputs):
        x = inputs[0].reshape(-1, span)
        step = x.abs().amax(dim=1, keepdim=True).clamp(min=2.0 ** -100) / 127
        return ((x / step).round() * step).reshape(inputs[0].shape)
    return hook


def rounding(ids, reference, span, names):
    wanted = reference_logits(reference, ids)
    hooks = [layer.register_forward_pre_hook(rounded(span)) for name, layer in reference.named_modules()
             if isinstance(layer, torch.nn.Linear) and names in name]
    each = divergence(wanted, reference_logits(reference, ids))
    for hook in hooks:
        hook.remove()
    print(f"  rounding, {span} numbers a step, {len(hooks)} layers: mean {each.mean():.2e}, largest {each.max():.2e}", flush=True)


def compare(build, model, ids, reference):
    wanted, fine = reference_logits(reference, ids), True
    for step, name in ((1, "one token a step"), (0, "all at once")):
        each = divergence(wanted, wick_logits(build, model, ids, step))
        print(f"  divergence, {name}: mean {each.mean():.2e}, largest {each.max():.2e}, of {len(ids)} positions")
        fine &= bool(each.mean() <= MOST)
    return fine


def choose(build, model, ids, prompts, reference):
    clear = other = 0
    for i in range(prompts):
        start = i * (len(ids) - PROMPT) // max(prompts - 1, 1)
        some = ids[start:start + PROMPT]
        wanted = torch.softmax(reference_logits(reference, some), dim=1)
        got = wick_logits(build, model, some, 0)[:, :wanted.shape[1]]
        best = wanted.topk(2, dim=1)
        apart = best.values[:, 0] - best.values[:, 1] > APART
        clear += int(apart.sum())
        other += int((apart & (got.argmax(dim=1) != best.indices[:, 0])).sum())
    print(f"  choices: {clear} of {prompts * PROMPT} are clear, {other} of those are others")
    return not other


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--rounded", type=int, action="append", default=[], metavar="N")
    parser.add_argument("--layers", default="", help="of --rounded: only those with this in their names")
    args = parser.parse_args()
    torch.set_num_threads(1)
    text, fine = args.text.read_text()[:200000], True
    for model in args.models:
        print(model.name, flush=True)
        reference = AutoModelForCausalLM.from_pretrained(model.parent, gguf_file=model.name, dtype=torch.float32)
        ids = ids_of(args.build, model, text)
        for span in args.rounded:
            rounding(ids[:args.tokens], reference, span, args.layers)
        fine &= compare(args.build, model, ids[:args.tokens], reference)
        fine &= choose(args.build, model, ids, args.prompts, reference)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
