#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""How far wick's probabilities, and llama.cpp's, are from exact arithmetic on the same blocks, type by type.

    venv/bin/python divergence_types.py BUILD LLAMA-BIN TEXT MODEL.gguf [TYPE...] [--chunks N]    (venv: as for divergence.py)

MODEL is quantised anew to each type: where its width is no multiple of 256, types whose blocks are of 256 for the down-projections
alone, all else in q8_0, and the others for every matrix, embeddings and head too. The importance that some types ask for is
the same of all columns. Contexts of 256 tokens, of each the positions that llama-perplexity keeps: the second half. The reference is
transformers in float32 over the blocks as the public gguf package dequantises them; printed are means and the largest of
KL(reference, program) in nats, as a row of a table.
"""
import argparse
import pathlib
import struct
import subprocess
import tempfile

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from divergence import divergence, reference_logits, wick_logits

CTX = 256
BY_32 = "q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl mxfp4".split()
BY_256 = "q4_k q5_k q6_k q2_k q3_k iq4_xs iq3_s iq3_xxs iq2_s iq2_xs iq2_xxs".split()


def call(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:])


def write_importance(path, model):
    """Of each column of each matrix 1, in the older format of such files."""
    matrices = [t for t in gguf.GGUFReader(model).tensors if len(t.shape) > 1]
    with open(path, "wb") as out:
        out.write(struct.pack("<i", len(matrices)))
        for t in matrices:
            name, width = t.name.encode(), int(t.shape[0])
            out.write(struct.pack("<i", len(name)) + name + struct.pack("<ii", 1, width) + np.ones(width, "<f4").tobytes())


def quantise(llama, model, importance, kind, out):
    what = ["--tensor-type", f"ffn_down={kind}"]
    if kind in BY_32:
        what = ["--tensor-type", f"blk={kind}", "--token-embedding-type", kind]
    call(llama / "llama-quantize", "--allow-requantize", "--imatrix", importance, *what, model, out, "Q8_0")


def llama_probabilities(llama, model, text, chunks, kept):
    """Ids, (chunks, CTX), and log probabilities of the positions that are kept: 16 bits of each, over a span of 16 nats."""
    call(llama / "llama-perplexity", "-m", model, "-f", text, "-c", CTX, "-b", CTX, "--chunks", chunks, "-t", 2,
         "--kl-divergence-base", kept)
    data = kept.read_bytes()
    ctx, vocab, count = struct.unpack_from("<iii", data, 8)
    ids = np.frombuffer(data, "<i4", ctx * count, 20).reshape(count, ctx)
    row = 4 + 2 * ((vocab + 1) // 2)
    rows = np.frombuffer(data, "<u2", offset=20 + 4 * ctx * count).reshape(count, -1, row)
    step, least = (np.ascontiguousarray(rows[:, :, at:at + 2]).view("<f4") for at in (0, 2))
    codes = rows[:, :, 4:4 + vocab]
    return ids, torch.from_numpy(np.where(codes > 0, codes * step + least, np.float32(-np.inf)))


def divergence_of_kept(wanted, kept):
    """Each token's term with what makes it positive, so that rounding of what is kept shows in second order alone; tokens below the
    span are left out."""
    wanted, kept, there = torch.log_softmax(wanted.double(), dim=1), kept.double(), torch.isfinite(kept)
    terms = wanted.exp() * (wanted - kept - 1) + kept.exp()
    return torch.where(there, terms, 0.0).sum(dim=1)


def row_of(args, kind, folder):
    model = folder / f"{kind}.gguf"
    quantise(args.llama, args.model, folder / "importance.dat", kind, model)
    ids, theirs = llama_probabilities(args.llama, model, args.text, args.chunks, folder / "kept")
    reference = AutoModelForCausalLM.from_pretrained(folder, gguf_file=model.name, dtype=torch.float32)
    ours, others = [], []
    for chunk, some in zip(ids.tolist(), theirs):
        kept = slice(CTX - 1 - some.shape[0], CTX - 1)
        wanted = reference_logits(reference, chunk)[kept]
        ours.append(divergence(wanted, wick_logits(args.build, model, chunk, 0)[kept]))
        others.append(divergence_of_kept(wanted, some))
    ours, others = torch.cat(ours), torch.cat(others)
    print(f"| {kind} | {'all' if kind in BY_32 else 'down'} | {ours.mean():.2e} | {ours.max():.1e} | {others.mean():.2e} "
          f"| {others.max():.1e} | {ours.mean() / others.mean():.2f} | {len(ours)} |", flush=True)
    model.unlink()


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "llama", "text", "model"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("types", nargs="*", default=BY_32 + BY_256)
    parser.add_argument("--chunks", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_importance(folder / "importance.dat", args.model)
        for kind in args.types:
            row_of(args, kind, folder)


if __name__ == "__main__":
    main()
