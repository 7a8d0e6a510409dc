#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the corpora cli, config, profile and shards: what people and programs write as text, sound and broken.
Needs the standard library only."""

import json

from make_corpus import write

CONFIG = {"model_type": "opt", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 256,
          "vocab_size": 512, "max_position_embeddings": 128, "do_layer_norm_before": True, "word_embed_proj_dim": 32,
          "activation_function": "relu", "tie_word_embeddings": True, "enable_bias": True,
          "layer_norm_elementwise_affine": True, "_remove_final_layer_norm": False, "architectures": ["OPTForCausalLM"]}


def make_config():
    for name, change in {
        "sound": {},
        "gelu": {"activation_function": "gelu"},
        "other-family": {"model_type": "llama"},
        "other-activation": {"activation_function": "silu"},
        "largest": {"hidden_size": 1 << 20, "ffn_dim": 1 << 20, "num_hidden_layers": 4096, "vocab_size": 1 << 20,
                    "word_embed_proj_dim": 1 << 20, "max_position_embeddings": 1 << 20, "num_attention_heads": 1},
        "beyond": {"hidden_size": 1 << 32},
        "zero-heads": {"num_attention_heads": 0},
        "odd-heads": {"num_attention_heads": 7},
        "odd-width": {"hidden_size": 60},
        "negative": {"ffn_dim": -1},
        "fraction": {"vocab_size": 512.5},
        "text": {"hidden_size": "64"},
        "flag-a-number": {"do_layer_norm_before": 1},
        "nulls": {"word_embed_proj_dim": None, "enable_bias": None},
        "missing": {"ffn_dim": None},
    }.items():
        write("config", name, json.dumps({**CONFIG, **change}))
    write("config", "twice", json.dumps(CONFIG)[:-1] + ', "ffn_dim": 8}')
    write("config", "array", "[1]")
    write("config", "empty", "")
    write("config", "cut", json.dumps(CONFIG)[:90])


def profile(measured, **change):
    whole = {"format": "wick-profile-1", "device": "drive", "method": "uring", "direct": True, "model": "Some Drive",
             "measured_s": 1790000000, "quick": False,
             "cells": [dict(zip(("chunk_bytes", "depth", "interval_us", "burst_us"), cell)) for cell in measured]}
    return json.dumps({**whole, **change})


def make_profile():
    cells = [(size, depth, size / 1000 + 80 / depth, 80 + size * depth / 1000) for size in (4096, 65536, 1 << 20)
             for depth in (1, 8, 64)]
    for name, text in {
        "sound": profile(cells),
        "one": profile(cells[:1]),
        "upside-down": profile([(4096, 1, 900, 900), (65536, 1, 10, 10)]),
        "missing-cell": profile(cells[:-1]),
        "twice": profile(cells + cells[:1]),
        "none": profile([]),
        "many-sizes": profile([(512 * i, 1, i, i) for i in range(1, 18)]),
        "many-cells": profile([(512, 1, 1, 1)] * 300),
        "tiny": profile([(1, 1, 5e-324, 5e-324), (1 << 40, 4096, 9e11, 9e11), (1, 4096, 1, 1), (1 << 40, 1, 9e11, 9e11)]),
        "no-time": profile([(1, 1, 5e-324, 9e11)]),
        "negative": profile([(4096, 1, -1, 1)]),
        "zero-time": profile([(4096, 1, 0, 1)]),
        "huge-depth": profile([(4096, 1 << 40, 1, 1)]),
        "other-drive": profile(cells, device="other"),
        "other-format": profile(cells, format="wick-profile-2"),
        "other-method": profile(cells, method="mmap"),
        "buffered": profile(cells, direct=False),
        "long-model": profile(cells, model="x" * 500),
        "cells-a-number": profile(cells, cells=3),
        "cell-a-number": profile(cells, cells=[3]),
        "empty": "",
        "cut": profile(cells)[:200],
    }.items():
        write("profile", name, text)


def make_shards():
    for name, weights in {
        "both": {"a": "a", "b": "b"},
        "one": {"b": "b"},
        "exchanged": {"a": "b", "b": "a"},
        "missing-tensor": {"c": "a"},
        "missing-file": {"a": "c"},
        "none": {},
        "above": {"a": "../a"},
        "above-inside": {"a": "x/../a"},
        "above-at-the-end": {"a": "x/.."},
        "absolute": {"a": "/a"},
        "dots": {"a": "./a", "b": "..b"},
        "slashes": {"a": ".//a"},
        "two-names": {"a": "a", "b": "a/"},
        "dot-inside": {"a": "x/./a", "b": "."},
        "empty-name": {"a": ""},
        "nul": {"a": "a\0b"},
        "number": {"a": 1},
        "itself": {"a": "model.safetensors.index.json"},
        "many": {str(i): str(i) for i in range(5000)},
    }.items():
        write("shards", name, json.dumps({"metadata": {"total_size": 8}, "weight_map": weights}))
    write("shards", "no-map", "{}")
    write("shards", "map-an-array", '{"weight_map": ["a"]}')
    write("shards", "twice", '{"weight_map": {"a": "a", "a": "b"}}')
    write("shards", "empty", "")


def make_cli():
    for name, words in {
        "run": "run m.gguf -p text -n 12 --seed 7 --temp 0.5 --top-p=0.9 --memory 60% --ctx 128 --mode sparse --policy window "
               "--window auto --lookahead 0 --io pread --buffered --queue-depth 64 --chunk-size 64k --threads 2 --cpumask 0x3",
        "run-no-prompt": "run m.gguf",
        "run-both-prompts": "run m.gguf -p a -f b",
        "run-joined": "run m.gguf -pa -n12 --memory=1.5G --stats=f --json",
        "pack": "pack synthetic:opt-6.7b -o out.gguf --type q4_0 --align 4096 --memory 2G",
        "pack-align": "pack src -o out --align 513",
        "train": "train m.gguf --text a b c --tokens 1000 --bytes 4% --ahead-bytes 2M --steps 5 --text d",
        "train-import": "train m.gguf --import dir --no-ahead",
        "plan": "plan m.gguf --memory 512M --json",
        "info": "info m.gguf --json",
        "verify": "verify -- -m.gguf",
        "eval": "eval m.gguf --text t --tokens 100",
        "bench": "bench m.gguf --ablation --trace t --tokens 8 --only gaps",
        "flashbench": "flashbench . --chunks 4k..1m,3M --depths 1..128 --threads 1,2 --pattern rand --seconds 0.1 --rounds 3 "
                      "--size 1G --io uring --sqpoll --csv a --save-profile",
        "flashbench-lists": "flashbench . --chunks 512,512..1k, --depths 4..2",
        "doctor": "doctor",
        "doctor-path": "doctor /tmp --json",
        "trace-record": "record m.gguf --text t -o out --tokens 5",
        "trace-stats": "stats t --capacity 1,2.5,100 --warm-up 3 --like m",
        "trace-stats-nan": "stats t --capacity nan",
        "trace-synth": "synth -o out --tokens 4 --layers 2 --ffn 64 --active 0.1 --zipf 1.4 --seed 3",
        "trace-synth-all": "synth -o out --active 1 --zipf 0",
        "help": "run --help",
        "letter": "run -h",
        "no-option": "run m.gguf --nothing=1",
        "value-missing": "run m.gguf -n",
        "empty-option": "run m.gguf --",
        "two-models": "info a b",
        "huge": "run m.gguf -n 99999999999999999999 --memory 99999999999T",
        "out-of-bounds": "flashbench . --seconds 4000",
        "out-of-bounds-count": "run m.gguf -p a --lookahead 2",
        "out-of-bounds-size": "run m.gguf -p a --chunk-size 2G",
        "control": "run m.gguf --\x1b[31m\xff",
    }.items():
        write("cli", name, "\n".join(words.split(" ")).encode("latin1"))


if __name__ == "__main__":
    make_config()
    make_profile()
    make_shards()
    make_cli()
