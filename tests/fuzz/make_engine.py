#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of corpus/engine: the smallest packed models of each layout and type that run, written here from
docs/container.md with the standard library alone, and stock files, with and without checksums."""

import random
import struct

from make_corpus import write
from make_gguf import ARRAY, BOOL, F32, I32, STRING, U32, U64, crc32c, entry, padded, pair, preamble

TYPES = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q4_0": 2}
TOKENS = ["<s>", "</s>", "a", "b", "ab", "Ġ", "Ġa", "Ã", "©", "1", "2", "Ċ"]
TOKENIZER = [("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "gpt-2"),
             ("tokenizer.ggml.tokens", ARRAY, (STRING, TOKENS)), ("tokenizer.ggml.merges", ARRAY, (STRING, ["a b", "Ġ a"])),
             ("tokenizer.ggml.token_type", ARRAY, (I32, [3, 3] + [1] * 10)), ("tokenizer.ggml.bos_token_id", U32, 0),
             ("tokenizer.ggml.eos_token_id", U32, 1), ("tokenizer.ggml.add_bos_token", BOOL, True)]
CTX = 36  # enough for a batch that goes by GEMM, behind a short one
PARTS = 2


def numbers(kind, count, draw):
    """Stored numbers of the type, few different ones."""
    some = [draw.choice((-0.5, -0.125, 0.125, 0.25)) for _ in range(count)]
    if kind in ("q8_0", "q4_0", "q2"):
        scale, each = {"q8_0": (1 / 64, 32), "q4_0": (1 / 8, 16), "q2": (None, 8)}[kind]
        head = struct.pack("<e", scale) if scale else b""
        return b"".join(head + bytes(draw.choices((0x81, 0x0F, 0xE4, 0x18), k=each)) for _ in range(count // 32))
    if kind == "bf16":
        return b"".join(struct.pack("<f", number)[2:] for number in some)
    return struct.pack(f"<{count}{'e' if kind == 'f16' else 'f'}", *some)


def keys(kind, shape):
    counts = ("block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count",
              "attention.head_count_kv", "vocab_size")
    flags = [("wick." + name, BOOL, shape[name]) for name in ("norm_first", "norm_affine", "final_norm", "bias", "tied")]
    predictor = [("wick.predictor", STRING, shape["predictor"])] if shape["predictor"] else []
    return [("general.alignment", U32, 4096), ("general.architecture", STRING, "opt"),
            *[("opt." + name, U32, shape[name]) for name in counts],
            ("opt.attention.layer_norm_epsilon", F32, 1e-5), ("wick.version", U32, 1), ("wick.encoding", STRING, kind),
            ("wick.activation", STRING, shape["activation"]), ("wick.order", STRING, "natural"),
            ("wick.embed_length", U32, shape["embed_length"]), ("wick.parts", U32, PARTS), ("wick.check_rows", U32, 16),
            ("wick.stride", U64, 512), ("wick.source_bytes", U64, shape["source_bytes"]), *flags, *predictor, *TOKENIZER]


class Tensors:
    """In file order, each with its rows and how many of them a checksum guards."""

    def __init__(self, kind, seed):
        self.list, self.kind, self.draw, self.source_bytes = [], kind, random.Random(seed), 0

    def add(self, name, ne, number, rows, check_rows):
        self.list.append((name, ne if len(rows) > 1 else ne[:1], number, rows, check_rows))

    def matrix(self, name, rows, cols):
        data = [numbers(self.kind, cols, self.draw) for _ in range(rows)]
        self.add(name, [cols, rows], TYPES[self.kind], data, 16)
        self.source_bytes += sum(map(len, data))

    def vectors(self, count, *names):
        for name in names:
            data = [numbers("f32", count, self.draw)]
            self.add(name, [count], TYPES["f32"], data, 1)
            self.source_bytes += len(data[0])

    def bundles(self, layer, count, d_model):
        weights = [numbers(self.kind, PARTS * d_model, self.draw) for _ in range(count)]
        data = [padded(bundle, 512) for bundle in weights]
        self.add(f"blk.{layer}.ffn_bundles", [512, count], 24, data, 0)
        self.add(f"blk.{layer}.ffn_crc", [count], 26, [struct.pack(f"<{count}I", *map(crc32c, data))], 1)
        self.source_bytes += sum(map(len, weights))

    def predictor(self, layer, kind, count, d_model):
        data = [numbers(kind, d_model, self.draw) for _ in range(count)]
        ne, number = ([d_model // 4, count], 24) if kind == "q2" else ([d_model, count], TYPES[kind])
        self.add(f"blk.{layer}.ffn_pred_out.weight", ne, number, data, 16)
        self.add(f"blk.{layer}.ffn_pred.bias", [count], TYPES["f32"], [numbers("f32", count, self.draw)], 1)


def add_layer(tensors, layer, shape):
    d_model, n_ff, name = shape["embedding_length"], shape["feed_forward_length"], f"blk.{layer}."
    d_kv = d_model // shape["attention.head_count"] * shape["attention.head_count_kv"]
    if shape["norm_affine"]:
        for norm in "attn", "ffn":
            tensors.vectors(d_model, f"{name}{norm}_norm.weight", f"{name}{norm}_norm.bias")
    if shape["bias"]:
        tensors.vectors(d_model, name + "attn_q.bias")
        tensors.vectors(d_kv, name + "attn_k.bias", name + "attn_v.bias")
        tensors.vectors(d_model, name + "attn_output.bias")
        tensors.vectors(n_ff, name + "ffn_up.bias")
        tensors.vectors(d_model, name + "ffn_down.bias")
    for part, rows in ("q", d_model), ("k", d_kv), ("v", d_kv), ("output", d_model):
        tensors.matrix(f"{name}attn_{part}.weight", rows, d_model)
    tensors.bundles(layer, n_ff, d_model)
    if shape["predictor"]:
        tensors.predictor(layer, shape["predictor"], n_ff, d_model)


def add_all(tensors, shape):
    d_model, d_embed, vocab = shape["embedding_length"], shape["embed_length"], shape["vocab_size"]
    tensors.matrix("token_embd.weight", vocab, d_embed)
    tensors.matrix("position_embd.weight", shape["context_length"], d_model)
    if d_embed != d_model:
        tensors.matrix("token_embd_in.weight", d_model, d_embed)
    for layer in range(shape["block_count"]):
        add_layer(tensors, layer, shape)
    if shape["final_norm"] and shape["norm_affine"]:
        tensors.vectors(d_model, "output_norm.weight", "output_norm.bias")
    if not shape["tied"]:
        tensors.matrix("output.weight", vocab, d_embed)
    if d_embed != d_model:
        tensors.matrix("token_embd_out.weight", d_embed, d_model)


def model(kind, d_model, layers=1, d_embed=None, heads=1, kv_heads=None, n_ff=3, relu=True, predictor=None, norm_first=True,
          affine=False, bias=False, tied=True):
    shape = {"block_count": layers, "context_length": CTX, "embedding_length": d_model, "feed_forward_length": n_ff,
             "attention.head_count": heads, "attention.head_count_kv": kv_heads or heads, "vocab_size": len(TOKENS),
             "embed_length": d_embed or d_model, "activation": "relu" if relu else "gelu", "predictor": predictor,
             "norm_first": norm_first, "norm_affine": affine, "final_norm": norm_first, "bias": bias, "tied": tied}
    tensors = Tensors(kind, d_model + n_ff)
    add_all(tensors, shape)
    shape["source_bytes"] = tensors.source_bytes
    pairs = keys(kind, shape)
    sums = [crc32c(b"".join(rows[i:i + check])) for _, _, _, rows, check in tensors.list if check
            for i in range(0, len(rows), check)]
    entries, offset, blobs = b"", 0, [padded(b"".join(rows), 4096) for _, _, _, rows, _ in tensors.list]
    for (name, ne, number, _, _), blob in zip(tensors.list, blobs):
        entries += entry(name, ne, number, offset)
        offset += len(blob)
    entries += entry("wick.checksums", [len(sums) + 2], 26, offset)
    header = padded(preamble(len(blobs) + 1, len(pairs)) + b"".join(pair(*p) for p in pairs) + entries, 4096)
    sums.append(crc32c(header))
    sums.append(crc32c(struct.pack(f"<{len(sums)}I", *sums)))
    return header + b"".join(blobs) + padded(struct.pack(f"<{len(sums)}I", *sums), 4096)


def stock_keys(arch, shape):
    return [("general.architecture", STRING, arch), *[(f"{arch}.{name}", U32, value) for name, value in shape.items()],
            (f"{arch}.attention.layer_norm_rms_epsilon", F32, 1e-5), (f"{arch}.rope.freq_base", F32, 100.0),
            *TOKENIZER]


def add_stock_layer(tensors, layer, d_model, n_ff, q_dim, kv_dim, head_norm):
    name = f"blk.{layer}."
    tensors.vectors(d_model, name + "attn_norm.weight", name + "ffn_norm.weight")
    if head_norm:
        tensors.vectors(head_norm, name + "attn_q_norm.weight", name + "attn_k_norm.weight")
    for part, rows, cols in (("attn_q", q_dim, d_model), ("attn_k", kv_dim, d_model), ("attn_v", kv_dim, d_model),
                             ("attn_output", d_model, q_dim), ("ffn_gate", n_ff, d_model), ("ffn_up", n_ff, d_model),
                             ("ffn_down", d_model, n_ff)):
        tensors.matrix(f"{name}{part}.weight", rows, cols)


def stock(arch, kind, d_model, n_ff, heads, kv_heads, head_dim, layers=1, checked=False):
    shape = {"block_count": layers, "context_length": CTX, "embedding_length": d_model, "feed_forward_length": n_ff,
             "attention.head_count": heads, "attention.head_count_kv": kv_heads, "attention.key_length": head_dim,
             "attention.value_length": head_dim, "rope.dimension_count": head_dim}
    tensors, align = Tensors(kind, d_model + n_ff), 4096 if checked else 32
    tensors.matrix("token_embd.weight", len(TOKENS), d_model)
    for layer in range(layers):
        add_stock_layer(tensors, layer, d_model, n_ff, heads * head_dim, kv_heads * head_dim, head_dim * (arch == "qwen3"))
    tensors.vectors(d_model, "output_norm.weight")
    pairs = stock_keys(arch, shape)
    if checked:
        pairs += [("general.alignment", U32, align), ("wick.version", U32, 2), ("wick.check_rows", U32, 16)]
    sums = [crc32c(b"".join(rows[i:i + check])) for _, _, _, rows, check in tensors.list for i in range(0, len(rows), check)]
    entries, offset, blobs = b"", 0, [padded(b"".join(rows), align) for _, _, _, rows, _ in tensors.list]
    for (name, ne, number, _, _), blob in zip(tensors.list, blobs):
        entries += entry(name, ne, number, offset)
        offset += len(blob)
    if checked:
        entries += entry("wick.checksums", [len(sums) + 2], 26, offset)
    header = padded(preamble(len(blobs) + checked, len(pairs)) + b"".join(pair(*p) for p in pairs) + entries, align)
    if not checked:
        return header + b"".join(blobs)
    sums.append(crc32c(header))
    sums.append(crc32c(struct.pack(f"<{len(sums)}I", *sums)))
    return header + b"".join(blobs) + padded(struct.pack(f"<{len(sums)}I", *sums), 4096)


def main():
    for name, data in {
        "stock-llama-f32": stock("llama", "f32", 8, 5, 2, 1, 4, layers=2),
        "stock-qwen2-q4_0": stock("qwen2", "q4_0", 32, 64, 2, 2, 16),
        "stock-qwen3-q8_0": stock("qwen3", "q8_0", 32, 32, 4, 1, 8),
        "checked-llama-bf16": stock("llama", "bf16", 6, 7, 1, 1, 6, checked=True),
        "pre-norm-f16": model("f16", 8, heads=2, predictor="bf16"),
        "pre-norm-q4_0": model("q4_0", 32, heads=4, kv_heads=2, n_ff=40, predictor="q2"),
        "post-norm-q8_0": model("q8_0", 64, d_embed=32, affine=True, bias=True, norm_first=False, predictor="q2"),
        "two-layers-f32": model("f32", 3, layers=2, heads=3, relu=False, tied=False),
        "odd-bf16": model("bf16", 5, bias=True),
        "staging-beyond-weights": model("bf16", 1, layers=2, n_ff=1),
        "neurons-drawn": model("q8_0", 32, n_ff=320, predictor="q2"),  # too many to keep all in the least memory
    }.items():
        write("engine", name, data)


if __name__ == "__main__":
    main()
