#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Make tiny stock GGUF files and what transformers computes from the same weights.

    python3 -m venv venv && venv/bin/pip install torch transformers gguf numpy
    venv/bin/python make_stock.py [--out fixtures/stock] [NAME...]

Each fixture is a random checkpoint of a family with shapes that hurt, written as others write it: names, keys and the
order of rows of llama's queries and keys as the format has them (written here from its description, by the public gguf
package), and

    model.gguf   the file
    golden.json  vocab, and runs[]: prompt, greedy (the ids that follow it), rows (positions whose logits are kept)
    golden.f32   the logits of those rows, run after run, little-endian float32, one row of vocab each

All expected values come from transformers, in float32, with eager attention, and with keys and values rounded to float16, which is
how wick keeps them. A fixture has to be able to fail a test: each tensor, put to zero, changes the logits by more than ten times
the tolerance, no step of a greedy continuation is near a tie, and arithmetic in double gives the same to half of the tolerance (a
key that lies between two halves may be rounded either way); where a seed will not do, the next is taken.
"""
import argparse
import json
import math
import pathlib

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.cache_utils import DynamicCache

TOLERANCE = 1e-4  # of max |logit|
MARGIN = 4 * TOLERANCE  # between the best two of a greedy step, of max |logit|
GREEDY = 64
PROMPTS = (1, 7, 45)
VOCAB = 259       # bytes, two that are control tokens, and one that is merged

COMMON = dict(vocab_size=VOCAB, max_position_embeddings=256, attention_dropout=0.0, bos_token_id=256, eos_token_id=257)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)

# name: config, architecture, type of the matrices
FIXTURES = {
    "llama-f32": (LlamaConfig(hidden_size=72, intermediate_size=100, num_hidden_layers=3, num_attention_heads=6,
                              num_key_value_heads=2, head_dim=24, rope_theta=10000.0, **COMMON), "llama", "F32"),
    "llama3-bf16": (LlamaConfig(hidden_size=56, intermediate_size=90, num_hidden_layers=2, num_attention_heads=7,
                                num_key_value_heads=1, head_dim=40, rope_parameters=dict(LLAMA3, rope_theta=500000.0),
                                tie_word_embeddings=True, **COMMON), "llama", "BF16"),
    "llama-bias-f16": (LlamaConfig(hidden_size=48, intermediate_size=130, num_hidden_layers=2, num_attention_heads=3,
                                   num_key_value_heads=3, head_dim=16, attention_bias=True, mlp_bias=True, **COMMON),
                       "llama", "F16"),
    "qwen2-f16": (Qwen2Config(hidden_size=80, intermediate_size=112, num_hidden_layers=2, num_attention_heads=4,
                              num_key_value_heads=2, tie_word_embeddings=True,
                              rope_parameters=dict(rope_type="yarn", factor=4.0, rope_theta=10000.0,
                                                   original_max_position_embeddings=32), **COMMON), "qwen2", "F16"),
    "qwen2-linear-f32": (Qwen2Config(hidden_size=40, intermediate_size=70, num_hidden_layers=2, num_attention_heads=5,
                                     num_key_value_heads=1,
                                     rope_parameters=dict(rope_type="linear", factor=3.0, rope_theta=10000.0), **COMMON),
                         "qwen2", "F32"),
    "qwen3-f32": (Qwen3Config(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                              num_key_value_heads=2, head_dim=80, rope_parameters=dict(rope_type="default", rope_theta=1e6),
                              **COMMON), "qwen3", "F32"),
}

FIXTURES["llama-split-f16"] = (LlamaConfig(hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2,
                                           num_key_value_heads=1, head_dim=16, rope_theta=10000.0, **COMMON), "llama", "F16")
SPLIT = {"llama-split-f16": 10}  # tensors in a file; the first has none

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


class HalfCache(DynamicCache):
    """Keys and values as wick keeps them."""

    def update(self, key_states, value_states, layer_idx, *args, **kwargs):
        key_states, value_states = (states.half().to(states.dtype) for states in (key_states, value_states))
        return super().update(key_states, value_states, layer_idx, *args, **kwargs)


def gguf_name(name):
    if name in NAMES:
        return NAMES[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER_NAMES[part]}.{kind}"


def to_neighbours(rows, heads):
    """Rows of a head from halves that turn together to neighbours: 2 i + j is what j n/2 + i was."""
    per_head = rows.shape[0] // heads
    shaped = rows.reshape(heads, 2, per_head // 2, *rows.shape[1:])
    return shaped.swapaxes(1, 2).reshape(rows.shape)


def llama3_divisors(config):
    """rope_freqs: what each frequency is divided by."""
    said = config.rope_parameters
    pairs = np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim
    wavelength = 2 * math.pi * said["rope_theta"] ** pairs
    original, low, high = (said[key] for key in
                           ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor"))
    share = np.clip((original / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - share) / said["factor"] + share)).astype(np.float32)


def draw(config, kind, seed):
    torch.manual_seed(seed)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.copy_((1 + 0.4 * torch.randn_like(weight)) if "norm" in name else 0.3 * torch.randn_like(weight))
            else:
                weight.copy_(torch.randn_like(weight) * (1.0 if "embed" in name else 1.2 / math.sqrt(weight.shape[1])))
                half = dict(F16=torch.float16, BF16=torch.bfloat16, F32=torch.float32)[kind]
                weight.copy_(weight.to(half).float())
    return model


def run(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), past_key_values=HalfCache(config=model.config)).logits[0].numpy()


def continue_greedily(model, prompt):
    """The ids that follow, and the smallest distance between the best two, of max |logit|."""
    cache, ids, margin, step = HalfCache(config=model.config), list(prompt), math.inf, list(prompt)
    for _ in range(GREEDY):
        with torch.no_grad():
            last = model(torch.tensor([step]), past_key_values=cache).logits[0, -1].numpy()
        best = np.sort(last)[-2:]
        margin = min(margin, (best[1] - best[0]) / np.abs(last).max())
        if margin < MARGIN:
            break
        step = [int(last.argmax())]
        ids += step
    return ids[len(prompt):], margin


def is_steady(model, ids):
    """Whether the order of sums hardly shows: a key that lies between two halves may be rounded either way."""
    single = run(model, ids)
    model.double()
    double = run(model, ids)
    model.float()
    return np.abs(single - double).max() < 0.5 * TOLERANCE * np.abs(single).max()


def every_tensor_matters(model, prompt):
    want = run(model, prompt)
    for name, weight in model.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.zero_()
        change = np.abs(run(model, prompt) - want).max() / np.abs(want).max()
        with torch.no_grad():
            weight.copy_(kept)
        if name.endswith("k_proj.bias"):
            continue  # before rope it turns with the position, and matters less
        if change < 10 * TOLERANCE:
            return False
    return True


def make_runs(model, generator):
    runs = []
    for count in PROMPTS:
        for _ in range(200):
            prompt = [int(i) for i in generator.integers(0, 256, count)]
            greedy, margin = continue_greedily(model, prompt)
            if margin > MARGIN and len(set(greedy)) > 3 and is_steady(model, prompt + greedy):
                break
        else:
            return None
        rows = sorted({0, count // 2, count - 1, count, count + 20, count + GREEDY - 2})
        runs.append((prompt, greedy, rows, run(model, (prompt + greedy)[:-1])[rows]))
    return runs


def write_vocabulary(writer):
    byte = [chr(b) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255 else None for b in range(256)]
    spare = iter(range(256, 512))
    tokens = [c if c else chr(next(spare)) for c in byte] + ["<s>", "</s>", "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3, 3, 1])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)


def write_keys(writer, config, arch):
    rope = config.rope_parameters
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(head_dim)
    if head_dim * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


def write_model(path, model, arch, kind):
    config = model.config
    most = SPLIT.get(path.parent.name, 0)
    writer = gguf.GGUFWriter(path, arch, split_max_tensors=most, small_first_shard=most > 0)
    writer.add_name(path.parent.name)
    write_keys(writer, config, arch)
    write_vocabulary(writer)
    if config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(config))
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        numbers = weight.numpy()
        if arch == "llama" and ".q_proj." in name:
            numbers = to_neighbours(numbers, config.num_attention_heads)
        if arch == "llama" and ".k_proj." in name:
            numbers = to_neighbours(numbers, config.num_key_value_heads)
        numbers = np.ascontiguousarray(numbers)
        if weight.dim() == 1 or kind == "F32":
            writer.add_tensor(gguf_name(name), numbers)
        else:
            of = gguf.GGMLQuantizationType[kind]
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(numbers, of), raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, out):
    config, arch, kind = FIXTURES[name]
    for seed in range(1, 200):
        model = draw(config, kind, seed)
        generator = np.random.default_rng(seed)
        if not every_tensor_matters(model, [int(i) for i in generator.integers(0, 256, 24)]):
            continue
        runs = make_runs(model, generator)
        if runs:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model.gguf", model, arch, kind)
    golden = {"vocab": VOCAB, "texts": [],
              "runs": [{"prompt": prompt, "greedy": greedy, "rows": rows} for prompt, greedy, rows, _ in runs]}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    np.concatenate([logits for *_, logits in runs]).astype("<f4").tofile(folder / "golden.f32")
    print(f"{name}: seed {seed}, {sum(part.stat().st_size for part in folder.glob('*.gguf'))} bytes")


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures/stock")
    parser.add_argument("names", nargs="*", default=list(FIXTURES))
    args = parser.parse_args()
    for name in args.names:
        make(name, args.out)


if __name__ == "__main__":
    main()
