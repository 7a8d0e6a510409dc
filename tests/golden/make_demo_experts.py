#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
r"""What transformers makes of the demo model with experts: fixtures/demo-experts.json.

    python3 -m venv venv && venv/bin/pip install torch transformers==5.24 gguf tokenizers
    PYTHONPATH=tools/demo-model venv/bin/python tests/golden/make_demo_experts.py tools/demo-model/moe-16m.gguf \
        HELD_OUT_NOVEL.txt tests/golden/fixtures/demo-experts.json

The reference computes in float32 with the weights as the public gguf package dequantises them. Of a stretch of the novel the
perplexity is told, and of those sentences of it that it could go on with most surely how it does so: at each of the new tokens the best
is before the second by `apart` of probability at least."""
import argparse
import json
import math
import pathlib

import torch
import gguf
import train_experts as demo
from tokenizers import ByteLevelBPETokenizer

TOKENS, NEW, ANSWERS, BEGIN = 400, 16, 3, 0


def reference_of(path):
    """The model that train_experts.py made, with the weights of its file."""
    stored = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type)) for t in gguf.GGUFReader(path).tensors}
    model = demo.make_model()
    with torch.no_grad():
        for name, tensor in demo.stock_tensors(model.state_dict()):
            tensor.copy_(stored[f"{name}.weight"])
    return model.eval()


def perplexity(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([[BEGIN] + ids])).logits[0, :-1]
    return math.exp(torch.nn.functional.cross_entropy(logits, torch.tensor(ids)).item())


def answer(model, ids):
    """The new tokens, and the least that one of them was apart."""
    ids, apart = [BEGIN] + ids, 1.0
    for _ in range(NEW):
        with torch.no_grad():
            best = torch.softmax(model(torch.tensor([ids])).logits[0, -1], 0).topk(2)
        apart = min(apart, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
        if apart < 0.005:
            break
    return ids[-NEW:], apart


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("novel", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, folder = reference_of(args.model), demo.HERE / "opt-8m"
    tokenizer = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    words = args.novel.read_text(encoding="utf-8").split()
    middle = " ".join(words[20000:22000])

    def ids_of(text):
        return tokenizer.encode(text).ids

    stretch = tokenizer.decode(ids_of(middle)[:TOKENS])
    sentences = [s.strip() for s in middle.split(".") if 8 <= len(s.split()) <= 20 and s.isascii() and '"' not in s][:60]
    tried = [(*answer(model, ids_of(s)), s) for s in sentences]
    best = sorted(tried, key=lambda t: -t[1])[:ANSWERS]
    args.out.write_text(json.dumps(dict(
        new_tokens=NEW, text=stretch, tokens=len(ids_of(stretch)), perplexity=perplexity(model, ids_of(stretch)),
        answers=[dict(prompt=s, text=tokenizer.decode(ids), apart=apart) for ids, apart, s in best]), indent=1) + "\n")


if __name__ == "__main__":
    main()
