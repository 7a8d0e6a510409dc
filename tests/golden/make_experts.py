#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Make tiny stock GGUF files of models with experts, and what transformers computes from the same weights.

    python3 -m venv venv && venv/bin/pip install torch transformers gguf numpy
    venv/bin/python make_experts.py [--out fixtures/stock] [NAME...]

As make_stock.py, whose fixtures these stand beside, and with one demand more: wherever the logits are looked at, no router is
near a tie between the last expert that it chooses and the first that it does not, so that another order of sums chooses
the same.
"""
import argparse
import json
import math
import pathlib

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, Glm4MoeConfig, GraniteMoeConfig, MixtralConfig, OlmoeConfig, Qwen2MoeConfig, Qwen3MoeConfig

import make_stock as stock

ROUTER_MARGIN = 2e-5  # of the scores that are compared

COMMON = stock.COMMON
PLAIN_ROPE = dict(rope_type="default", rope_theta=10000.0)

# name: config, architecture, type of the matrices
FIXTURES = {
    "qwen3moe-f16": (Qwen3MoeConfig(hidden_size=40, intermediate_size=64, moe_intermediate_size=20, num_experts=7,
                                    num_experts_per_tok=3, norm_topk_prob=True, num_hidden_layers=2, num_attention_heads=3,
                                    num_key_value_heads=1, head_dim=24, rope_parameters=dict(PLAIN_ROPE, rope_theta=1e6),
                                    decoder_sparse_step=1, mlp_only_layers=[], tie_word_embeddings=True, **COMMON),
                     "qwen3moe", "F16"),
    "qwen2moe-f16": (Qwen2MoeConfig(hidden_size=40, intermediate_size=64, moe_intermediate_size=16, num_experts=6,
                                    shared_expert_intermediate_size=20, num_experts_per_tok=2, norm_topk_prob=False,
                                    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                    rope_parameters=PLAIN_ROPE, decoder_sparse_step=1, mlp_only_layers=[], **COMMON),
                     "qwen2moe", "F16"),
    "mixtral-bf16": (MixtralConfig(hidden_size=40, intermediate_size=40, num_local_experts=4, num_experts_per_tok=2,
                                   num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                                   sliding_window=None, rope_parameters=dict(PLAIN_ROPE, rope_theta=1e6), **COMMON),
                     "llama", "BF16"),
    "olmoe-f16": (OlmoeConfig(hidden_size=36, intermediate_size=14, num_experts=9, num_experts_per_tok=4,
                              norm_topk_prob=False, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3,
                              rope_parameters=PLAIN_ROPE, **COMMON), "olmoe", "F16"),
    "granitemoe-f16": (GraniteMoeConfig(hidden_size=40, intermediate_size=18, num_local_experts=5, num_experts_per_tok=3,
                                        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                        embedding_multiplier=3.0, residual_multiplier=0.44, attention_multiplier=0.17,
                                        logits_scaling=5.0, rope_parameters=PLAIN_ROPE, **COMMON), "granitemoe", "F16"),
    "glm4moe-f16": (Glm4MoeConfig(hidden_size=36, intermediate_size=44, moe_intermediate_size=14, n_routed_experts=6,
                                  num_experts_per_tok=2, n_shared_experts=2, routed_scaling_factor=1.7, n_group=1, topk_group=1,
                                  first_k_dense_replace=1, norm_topk_prob=True, attention_bias=True, use_qk_norm=True,
                                  num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=12,
                                  rope_parameters=dict(PLAIN_ROPE, partial_rotary_factor=0.5), num_mtp_layers=0, **COMMON),
                    "glm4moe", "F16"),
}

EXPERT_NAMES = {
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.shared_expert.gate_proj.weight": "ffn_gate_shexp.weight",
    "mlp.shared_expert.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_expert.down_proj.weight": "ffn_down_shexp.weight",
    "mlp.shared_expert_gate.weight": "ffn_gate_inp_shexp.weight",
    "mlp.experts.down_proj": "ffn_down_exps.weight",
    "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
    "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "block_sparse_moe.router.weight": "ffn_gate_inp.weight",
    "block_sparse_moe.experts.down_proj": "ffn_down_exps.weight",
}
KEPT_F32 = ("ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight")


def draw(config, kind, seed):
    torch.manual_seed(seed)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).float().eval()
    half = dict(F16=torch.float16, BF16=torch.bfloat16, F32=torch.float32)[kind]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.copy_((1 + 0.4 * torch.randn_like(weight)) if "norm" in name else 0.3 * torch.randn_like(weight))
                continue
            weight.copy_(torch.randn_like(weight) * (1.0 if "embed" in name else 1.2 / math.sqrt(weight.shape[-1])))
            if not is_router(name):
                weight.copy_(weight.to(half).float())
        for name, buffer in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                buffer.copy_(0.2 * torch.randn_like(buffer))
    return model


def is_router(name):
    return name.endswith(("mlp.gate.weight", "shared_expert_gate.weight", "router.weight"))


class Margins:
    """The smallest distance of a router's choice from another one, while it is held."""

    def __init__(self, model):
        self.least = math.inf
        self.hooks = [module.register_forward_hook(self.look) for module in model.modules()
                      if type(module).__name__.lower().endswith("router")]
        assert self.hooks

    def look(self, module, _inputs, outputs):
        scores = torch.softmax(outputs[0].float(), dim=-1)
        if hasattr(module, "e_score_correction_bias"):
            scores = torch.sigmoid(outputs[0].float()) + module.e_score_correction_bias
        scores = scores.sort(dim=-1, descending=True).values
        if module.top_k < scores.shape[-1]:
            self.least = min(self.least, float((scores[:, module.top_k - 1] - scores[:, module.top_k]).min()))

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        for hook in self.hooks:
            hook.remove()


def make_runs(model, generator):
    """As make_stock's, the routers' margins looked at as well."""
    runs = []
    for count in stock.PROMPTS:
        for _ in range(400):
            prompt = [int(i) for i in generator.integers(0, 256, count)]
            greedy, margin = stock.continue_greedily(model, prompt)
            if margin <= stock.MARGIN or len(set(greedy)) <= 3:
                continue
            with Margins(model) as margins:
                stock.run(model, prompt + greedy)
            if margins.least > ROUTER_MARGIN and stock.is_steady(model, prompt + greedy):
                break
        else:
            return None
        rows = sorted({0, count // 2, count - 1, count, count + 20, count + stock.GREEDY - 2})
        runs.append((prompt, greedy, rows, stock.run(model, (prompt + greedy)[:-1])[rows]))
    return runs


def tensors_of(model, arch):
    """Names and numbers as the format has them."""
    config = model.config
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        numbers = weight.numpy()
        if arch in ("llama", "granitemoe") and ".q_proj." in name:
            numbers = stock.to_neighbours(numbers, config.num_attention_heads)
        if arch in ("llama", "granitemoe") and ".k_proj." in name:
            numbers = stock.to_neighbours(numbers, config.num_key_value_heads)
        layer, _, rest = name.removeprefix("model.layers.").partition(".")
        if rest.endswith(".experts.gate_up_proj"):
            half = numbers.shape[1] // 2
            yield f"blk.{layer}.ffn_gate_exps.weight", numbers[:, :half]
            yield f"blk.{layer}.ffn_up_exps.weight", numbers[:, half:]
        elif rest in EXPERT_NAMES:
            gate = rest == "mlp.shared_expert_gate.weight"
            yield f"blk.{layer}.{EXPERT_NAMES[rest]}", numbers[0] if gate else numbers
        else:
            own = stock.gguf_name(name, arch)
            yield own.replace("ffn_norm", "post_attention_norm") if arch == "glm4moe" else own, numbers


def write_expert_keys(writer, config):
    writer.add_expert_count(getattr(config, "num_experts", None) or config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if config.model_type == "granitemoe":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if config.model_type == "glm4_moe":
        writer.add_expert_shared_count(config.n_shared_experts)
        writer.add_leading_dense_block_count(config.first_k_dense_replace)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_weights_scale(config.routed_scaling_factor)
        writer.add_expert_weights_norm(config.norm_topk_prob)
    if hasattr(config, "shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)


def write_model(path, model, arch, kind):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name(path.parent.name)
    stock.write_keys(writer, model.config, arch)
    write_expert_keys(writer, model.config)
    stock.write_vocabulary(writer)
    for name, numbers in tensors_of(model, arch):
        numbers = np.ascontiguousarray(numbers)
        if numbers.ndim == 1 or kind == "F32" or name.endswith(KEPT_F32):
            writer.add_tensor(name, numbers)
        else:
            of = gguf.GGMLQuantizationType[kind]
            writer.add_tensor(name, gguf.quants.quantize(numbers, of), raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, out):
    config, arch, kind = FIXTURES[name]
    for seed in range(1, 200):
        model = draw(config, kind, seed)
        generator = np.random.default_rng(seed)
        if not stock.every_tensor_matters(model, [int(i) for i in generator.integers(0, 256, 24)]):
            continue
        runs = make_runs(model, generator)
        if runs:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model.gguf", model, arch, kind)
    golden = {"vocab": stock.VOCAB, "texts": [],
              "runs": [{"prompt": prompt, "greedy": greedy, "rows": rows} for prompt, greedy, rows, _ in runs]}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    np.concatenate([logits for *_, logits in runs]).astype("<f4").tofile(folder / "golden.f32")
    print(f"{name}: seed {seed}, {(folder / 'model.gguf').stat().st_size} bytes")


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
