#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the checkpoint readers' corpora: sound inputs and the ways in which they go wrong. Needs the standard
library and ../unit/fixtures/torch. An input that a fuzzer breaks a reader with is put beside the seeds; this script
leaves it alone."""

import json
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "unit" / "fixtures" / "torch"


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def make_json():
    for name, text in {
        "every-kind": '{"a": [1, -2.5e-3, true, false, null, "\\u00e9\\ud834\\udd1e\\n", {}], "b": {"c": []}}',
        "nul-in-key": '{"a\\u0000b": "c\\u0000d"}',
        "nul-raw": b'["a\0b"]',
        "big-integers": "[9223372036854775807, 9223372036854775808, -9223372036854775809, 1000000000000000019884624838656]",
        "long-fraction": "[0.3000000000000000000000000000004, 12345678901234567890123e-7]",
        "real-overflow": "[1e999]",
        "same-key-twice": '{"a": 1, "a": 2}',
        "lone-surrogate": '["\\ud800"]',
        "overlong": b'["\xc0\x80"]',
        "mark": b"\xef\xbb\xbf{}",
        "deep": "[" * 3000 + "]" * 3000,
        "open-string": '{"\\u0000',
        "open-escape": '["\\',
        "trailing": "[1] x",
        "empty": "",
    }.items():
        write("json", name, text)


def safetensors(tensors, data, length=None):
    header = tensors if isinstance(tensors, str) else json.dumps(tensors)
    return struct.pack("<Q", len(header) if length is None else length) + header.encode() + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    good = {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 3], 0, 24), "b": tensor("BF16", [4], 24, 32),
            "e": tensor("F16", [0], 32, 32), "s": tensor("F16", [], 32, 34)}
    data = bytes(range(34))
    for name, blob in {
        "good": safetensors(good, data),
        "odd-types": safetensors({"a": tensor("I64", [1], 0, 8), "b": tensor("F4", [2], 8, 9),
                                  "c": tensor("F8_E4M3", [1, 1, 1, 1, 1], 9, 10)}, data[:10]),
        "five-dims": safetensors({"a": tensor("F16", [1, 1, 1, 1, 1], 0, 2)}, data[:2]),
        "no-tensors": safetensors({}, b""),
        "truncated": safetensors(good, data)[:-1],
        "truncated-header": safetensors(good, data)[:40],
        "truncated-length": b"\1\0\0",
        "length-beyond": safetensors(good, data, 1 << 40),
        "length-largest": safetensors(good, data, (1 << 64) - 1),
        "overlap": safetensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, data[:12]),
        "hole": safetensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 12, 20)}, data[:20]),
        "backwards": safetensors({"a": tensor("F32", [2], 8, 0)}, data[:8]),
        "wrong-dtype": safetensors({"a": tensor("F31", [2], 0, 8)}, data[:8]),
        "wrong-size": safetensors({"a": tensor("F16", [2], 0, 8)}, data[:8]),
        "shape-overflow": safetensors({"a": tensor("F32", [1 << 62, 1 << 62, 0], 0, 0)}, b""),
        "bits-overflow": safetensors({"a": tensor("F32", [1 << 62], 0, 0)}, b""),
        "negative": safetensors({"a": tensor("F32", [-1, -8], 0, 32)}, data[:32]),
        "same-name-twice": safetensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                                       '"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', data[:8]),
        "not-an-object": safetensors("[1]", b""),
        "entry-not-an-object": safetensors({"a": 1}, b""),
    }.items():
        write("safetensors", name, blob)


def checkpoint(shapes, metadata=None, dtypes=None):
    """A safetensors file with small numbers, no two of them alike."""
    header, data = {"__metadata__": metadata or {"format": "pt"}}, b""
    for i, (name, shape) in enumerate(shapes.items()):
        dtype = (dtypes or {}).get(name, "F16")
        count = shape[0] * shape[1] if shape else 1
        pack = {"F16": "e", "F32": "f", "F64": "d"}[dtype]
        numbers = struct.pack(f"<{count}{pack}", *[(i + 1) / 8 + k / 512 for k in range(count)])
        header[name] = tensor(dtype, shape, len(data), len(data) + len(numbers))
        data += numbers
    return safetensors(header, data)


def make_pack():
    """Checkpoints of the OPT model that fuzz_pack.c describes."""
    layer = "model.decoder.layers.0."
    embed, head = "model.decoder.embed_tokens.weight", "lm_head.weight"
    plain = {embed: [6, 8], "model.decoder.embed_positions.weight": [4, 8]}
    plain |= {f"{layer}self_attn.{p}_proj.weight": [8, 8] for p in ("q", "k", "v", "out")}
    plain |= {f"{layer}fc1.weight": [4, 8], f"{layer}fc2.weight": [8, 4]}
    only_head = {head if name == embed else name: shape for name, shape in plain.items()}
    for name, blob in {
        "plain": checkpoint(plain),
        "head-only": checkpoint(only_head),
        "head-alias": checkpoint(only_head, {embed: head, "format": "pt"}),
        "head-differs": checkpoint(plain | {head: [6, 8]}),
        "head-of-another-shape": checkpoint(plain | {head: [8, 6]}),
        "doubles": checkpoint(plain, None, dict.fromkeys(plain, "F64")),
        "wrapped": checkpoint({"state_dict.module." + name: shape for name, shape in plain.items()}),
        "base-model": checkpoint({name.removeprefix("model."): shape for name, shape in plain.items()}),
        "left-over": checkpoint(plain | {f"{layer}self_attn.masked_bias": [], "score.weight": [2, 8]}),
        "another-layer": checkpoint(plain | {"model.decoder.layers.1.fc1.weight": [4, 8]}),
        "twice": checkpoint(plain | {"decoder.embed_tokens.weight": [6, 8]}),
    }.items():
        write("pack", name, blob)


def make_pickles():
    for fixture in ("protocol2", "protocol5", "types", "views", "nested", "sparse", "evil2", "evil4"):
        with zipfile.ZipFile(FIXTURES / fixture / "pytorch_model.bin") as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            write("pickle", fixture, archive.read(name))
    storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" b"1X\3\0\0\0cpuK\x10tQ"

    def rebuilt(offset, size, stride):
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + b"\x89}tR"

    four = rebuilt(b"K\0", b"K\4K\4\x86", b"K\4K\1\x86")
    for name, body in {
        "tensor": b"}X\1\0\0\0w" + four + b"s.",
        "tied": b"}(X\1\0\0\0w" + four + b"X\1\0\0\0v" + four + b"u.",
        "transposed": b"}X\1\0\0\0w" + rebuilt(b"K\0", b"K\4K\4\x86", b"K\1K\4\x86") + b"s.",
        "beyond": b"}X\1\0\0\0w" + rebuilt(b"K\1", b"K\4K\4\x86", b"K\4K\1\x86") + b"s.",
        "huge-offset": b"}X\1\0\0\0w" + rebuilt(b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"K\4\x85", b"K\1\x85") + b"s.",
        "huge-size": b"}X\1\0\0\0w" + rebuilt(b"K\0", b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85", b"K\1\x85") + b"s.",
        "parameter": b"}X\1\0\0\0wctorch._utils\n_rebuild_parameter\n(" + four + b"\x88}tRs.",
        "nested-parameters": b"ctorch._utils\n_rebuild_parameter\nq\0" + b"h\0(" * 40 + b"tR" * 40 + b".",
        "cycle": b"]q\0h\0a.",
        "shared": b"]" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(24)) + b".",
        "many-arguments": b"ctorch\nSize\n(" + b"K\1" * 17 + b"tR.",
        "many-dimensions": b"}X\1\0\0\0w" + rebuilt(b"K\0", b"(" + b"K\1" * 65 + b"t", b")") + b"s.",
        "many-items": b"K\1q\1](" + b"h\1" * 4000 + b"eq\2](" + b"h\2" * 4200 + b"e.",
        "os-system": b"cos\nsystem\n(X\1\0\0\0atR.",
        "instance": b"(ios\nsystem\n.",
        "no-stop": b"}",
        "no-mark": b"t.",
        "empty": b"",
    }.items():
        write("pickle", name, b"\x80\2" * bool(body) + body)


def make_torch():
    for fixture in sorted(FIXTURES.iterdir()):
        if fixture.is_dir():
            write("torch", fixture.name, (fixture / "pytorch_model.bin").read_bytes())
    good = (FIXTURES / "no-byteorder" / "pytorch_model.bin").read_bytes()
    directory = good.rindex(b"PK\1\2")
    wrong_size = bytearray(good)
    wrong_size[directory + 24:directory + 28] = struct.pack("<I", 1 << 30)
    write("torch", "wrong-size-in-directory", bytes(wrong_size))
    write("torch", "wrong-size-in-header", good[:22] + struct.pack("<I", 1 << 30) + good[26:])
    write("torch", "truncated", good[:-1])
    write("torch", "truncated-data", good[:directory])
    write("torch", "flipped-data", good.replace(struct.pack("<f", 2.5), struct.pack("<f", 3.5)))


if __name__ == "__main__":
    make_json()
    make_safetensors()
    make_pack()
    make_pickles()
    make_torch()
