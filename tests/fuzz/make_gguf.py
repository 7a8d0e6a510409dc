#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of corpus/gguf: GGUF files of every kind of value, broken ones, and a packed model, written here from
docs/container.md with the standard library alone."""

import struct

from make_corpus import write

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
GGML = {"f32": (0, 4), "f16": (1, 2), "i8": (24, 1), "i32": (26, 4)}  # number, bytes


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(kind, v):
    if kind == STRING:
        return string(v)
    if kind == ARRAY:
        element, items = v
        return struct.pack("<IQ", element, len(items)) + b"".join(value(element, i) for i in items)
    return struct.pack("<" + FORMATS[kind], v)


def preamble(tensors, pairs, version=3):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def pair(key, kind, v):
    return string(key) + struct.pack("<I", kind) + value(kind, v)


def entry(name, ne, kind, offset):
    return string(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset)


def padded(data, align):
    return data + bytes(-len(data) % align)


def every_kind():
    pairs = [("general.architecture", STRING, "x"), ("u8", U8, 255), ("i8", I8, -1), ("u16", U16, 7), ("i16", I16, -7),
             ("u32", U32, 1 << 31), ("i32", I32, -5), ("f32", F32, 1.5), ("yes", BOOL, True), ("u64", U64, 1 << 63),
             ("i64", I64, -1 << 63), ("f64", F64, 0.1), ("words", ARRAY, (STRING, ["a", "", "cc"])),
             ("numbers", ARRAY, (I16, [1, -2])), ("none", ARRAY, (F64, []))]
    tensors = entry("t", [3, 2], 0, 0) + entry("q", [32, 1, 2], 8, 32)
    head = preamble(2, len(pairs)) + b"".join(pair(*p) for p in pairs) + tensors
    return padded(head, 32) + bytes(range(32)) + bytes(68)


def packed_model():
    """One layer, width 2, one head, two neurons, three tokens, one position, no biases, no norm weights."""
    pairs = [("general.alignment", U32, 4096), ("general.architecture", STRING, "opt"), ("opt.block_count", U32, 1),
             ("opt.context_length", U32, 1), ("opt.embedding_length", U32, 2), ("opt.feed_forward_length", U32, 2),
             ("opt.attention.head_count", U32, 1), ("opt.attention.head_count_kv", U32, 1), ("opt.vocab_size", U32, 3),
             ("opt.attention.layer_norm_epsilon", F32, 1e-5), ("wick.version", U32, 1),
             ("wick.encoding", STRING, "f16"), ("wick.activation", STRING, "relu"), ("wick.order", STRING, "natural"), ("wick.embed_length", U32, 2),
             ("wick.parts", U32, 2), ("wick.check_rows", U32, 16), ("wick.stride", U64, 512),
             ("wick.source_bytes", U64, 2 * (6 + 2 + 4 * 4 + 2 * 4)), ("wick.norm_first", BOOL, True),
             ("wick.norm_affine", BOOL, False), ("wick.final_norm", BOOL, True), ("wick.bias", BOOL, False),
             ("wick.tied", BOOL, True)]
    matrices = [("token_embd.weight", [2, 3]), ("position_embd.weight", [2, 1]), ("blk.0.attn_q.weight", [2, 2]),
                ("blk.0.attn_k.weight", [2, 2]), ("blk.0.attn_v.weight", [2, 2]), ("blk.0.attn_output.weight", [2, 2])]
    data = [(name, ne if ne[1] > 1 else ne[:1], 1, bytes(range(2 * ne[0] * ne[1]))) for name, ne in matrices]
    bundles = [bytes([k + 1] * 8) + bytes(504) for k in range(2)]
    data.append(("blk.0.ffn_bundles", [512, 2], 24, b"".join(bundles)))
    crcs = struct.pack("<2I", *map(crc32c, bundles))
    data.append(("blk.0.ffn_crc", [2], 26, crcs))
    sums = [crc32c(d) for name, _, _, d in data if name != "blk.0.ffn_bundles"]
    directory = [(name, ne, kind) for name, ne, kind, _ in data] + [("wick.checksums", [len(sums) + 2], 26)]
    entries, offset = b"", 0
    for i, (name, ne, kind) in enumerate(directory):
        entries += entry(name, ne, kind, offset)
        offset += len(padded(data[i][3], 4096)) if i < len(data) else 0
    header = padded(preamble(len(directory), len(pairs)) + b"".join(pair(*p) for p in pairs) + entries, 4096)
    sums.append(crc32c(header))
    sums.append(crc32c(struct.pack(f"<{len(sums)}I", *sums)))
    tables = struct.pack(f"<{len(sums)}I", *sums)
    return header + b"".join(padded(d, 4096) for _, _, _, d in data) + padded(tables, 4096)


def tokenizer(**change):
    keys = {"model": (STRING, "gpt2"), "pre": (STRING, "gpt-2"),
            "tokens": (ARRAY, (STRING, ["<s>", "</s>", "a", "b", "ab", "Ġ", "Ġa", "Ã", "©", "1", "2", "Ċ"])),
            "merges": (ARRAY, (STRING, ["a b", "Ġ a"])), "token_type": (ARRAY, (I32, [3, 3] + [1] * 10)),
            "bos_token_id": (U32, 0), "eos_token_id": (U32, 1), "add_bos_token": (BOOL, True)}
    pairs = {name: value for name, value in {**keys, **change}.items() if value}
    return preamble(0, len(pairs)) + b"".join(pair("tokenizer.ggml." + name, *value) for name, value in pairs.items())


def pieces(**change):
    mark = "\u2581"
    tokens = ["<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", mark, "a", "b", "ab", mark + "a", "==", "[PAD11]"]
    return tokenizer(**{"model": (STRING, "llama"), "pre": (STRING, "default"), "tokens": (ARRAY, (STRING, tokens)),
                        "scores": (ARRAY, (F32, [-float(i) for i in range(12)])), "merges": None,
                        "token_type": (ARRAY, (I32, [2, 3, 3, 6, 6] + [1] * 5 + [4, 5])), "unknown_token_id": (U32, 0),
                        "add_space_prefix": (BOOL, True), **change})


def main():
    good, model = every_kind(), packed_model()
    for name, data in {
        "every-kind": good,
        "every-kind-cut": good[:-1],
        "version-2": good[:4] + struct.pack("<I", 2) + good[8:],
        "version-1": good[:4] + struct.pack("<I", 1) + good[8:],
        "big-endian": good[:4] + struct.pack(">I", 3) + good[8:],
        "model": model,
        "model-cut": model[:-4096],
        "model-renamed": model.replace(b"blk.0.attn_k.weight", b"blk.0.attn_x.weight"),
        "model-wider": model.replace(string("opt.embedding_length") + struct.pack("<II", U32, 2),
                                     string("opt.embedding_length") + struct.pack("<II", U32, 4)),
        "layers-many": model.replace(string("opt.block_count") + struct.pack("<II", U32, 1),
                                     string("opt.block_count") + struct.pack("<II", U32, 65536)),
        "tokenizer": tokenizer(),
        "tokenizer-types-few": tokenizer(token_type=(ARRAY, (I32, [3]))),
        "tokenizer-types-none": tokenizer(token_type=None),
        "tokenizer-merge-unknown": tokenizer(merges=(ARRAY, (STRING, ["a c"]))),
        "tokenizer-merge-alone": tokenizer(merges=(ARRAY, (STRING, ["ab"]))),
        "tokenizer-token-twice": tokenizer(tokens=(ARRAY, (STRING, ["a"] * 12))),
        "tokenizer-not-of-the-alphabet": tokenizer(tokens=(ARRAY, (STRING, ["\0", " ", "\n"])), token_type=None),
        "tokenizer-bos-beyond": tokenizer(bos_token_id=(U64, (1 << 64) - 1)),
        "tokenizer-no-merges": tokenizer(merges=(ARRAY, (STRING, []))),
        "tokenizer-other": tokenizer(model=(STRING, "llama")),
        "tokenizer-pieces": pieces(),
        "tokenizer-scores-few": pieces(scores=(ARRAY, (F32, [0.0]))),
        "tokenizer-scores-nan": pieces(scores=(ARRAY, (F32, [float("nan")] * 12))),
        "tokenizer-bytes-twice": pieces(token_type=(ARRAY, (I32, [2, 3, 3, 6, 6] + [6] * 7))),
        "nothing": preamble(0, 0),
        "tensors-beyond": preamble(1 << 60, 0),
        "keys-beyond": preamble(0, 1 << 60),
        "length-beyond": preamble(0, 1) + struct.pack("<Q", (1 << 64) - 2) + bytes(8),
        "array-beyond": preamble(0, 1) + string("a") + struct.pack("<IIQ", ARRAY, U64, (1 << 61) + 1) + bytes(8),
        "array-of-arrays": preamble(0, 1) + string("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + bytes(12),
        "key-twice": preamble(0, 2) + 2 * pair("a", U8, 1),
        "tensor-twice": padded(preamble(2, 0) + entry("a", [1], 0, 0) + entry("a", [1], 0, 32), 32) + bytes(36),
        "overlap": padded(preamble(2, 0) + entry("a", [9], 0, 0) + entry("b", [1], 0, 32), 32) + bytes(36),
        "dims-overflow": padded(preamble(1, 0) + entry("a", [1 << 32, 1 << 32, 1 << 32], 0, 0), 32),
        "alignment-zero": preamble(0, 1) + pair("general.alignment", U32, 0),
        "alignment-huge": preamble(0, 1) + pair("general.alignment", U32, 1 << 31),
        "empty": b"",
    }.items():
        write("gguf", name, data)


if __name__ == "__main__":
    main()
