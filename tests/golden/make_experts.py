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
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, Glm4MoeConfig, GptOssConfig, GraniteMoeConfig, MixtralConfig, OlmoeConfig,
                          Mxfp4Config, Qwen2MoeConfig, Qwen3MoeConfig)

from transformers.models.gpt_oss.modeling_gpt_oss import GptOssExperts

import make_stock as stock
from smallthinker import SmallThinkerConfig, SmallThinkerForCausalLM

ROUTER_MARGIN = 2e-5  # of the scores that are compared
ROUGH_MARGIN = 1e-3  # likewise, where experts' inputs are rounded to steps, which may change logits by so much of the largest:
ROUGH = 0.02

COMMON = stock.COMMON
PLAIN_ROPE = dict(rope_type="default", rope_theta=10000.0)


def gpt_oss(**shape):
    """Yarn whose bounds lie between two pairs, heads that are wider together than the model."""
    rope = dict(rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, truncate=False, rope_theta=1000.0,
                original_max_position_embeddings=64)
    return GptOssConfig(num_attention_heads=6, num_key_value_heads=2, rope_parameters=rope, **dict(stock.WIDE, **shape))


def smallthinker(windows, **shape):
    return SmallThinkerConfig(num_hidden_layers=len(windows), sliding_window_layout=windows,
                              rope_layout=windows if any(windows) else None, **shape)


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
    "gpt-oss-f16": (gpt_oss(hidden_size=40, intermediate_size=20, head_dim=12, num_hidden_layers=3, num_local_experts=7,
                            num_experts_per_tok=3, sliding_window=32), "gpt-oss", "F16"),
    "gpt-oss-bf16": (gpt_oss(hidden_size=36, intermediate_size=14, head_dim=8, num_hidden_layers=2, num_local_experts=5,
                             num_experts_per_tok=2, sliding_window=20), "gpt-oss", "BF16"),
    "gpt-oss-mxfp4": (gpt_oss(hidden_size=64, intermediate_size=32, head_dim=16, num_hidden_layers=2, num_local_experts=4,
                              num_experts_per_tok=2, sliding_window=20), "gpt-oss", "F32"),
    "smallthinker-f16": (smallthinker([0, 1, 1, 1, 0], hidden_size=40, moe_ffn_hidden_size=18, head_dim=12,
                                      num_attention_heads=6, num_key_value_heads=2, moe_num_primary_experts=6,
                                      moe_num_active_primary_experts=2, sliding_window_size=32, rope_theta=1e4,
                                      tie_word_embeddings=False, **stock.WIDE), "smallthinker", "F16"),
    "smallthinker-softmax-bf16": (smallthinker([0, 0], hidden_size=36, moe_ffn_hidden_size=14, head_dim=8,
                                               num_attention_heads=3, num_key_value_heads=1, moe_num_primary_experts=5,
                                               moe_num_active_primary_experts=3, moe_primary_router_apply_softmax=True,
                                               tie_word_embeddings=True, **COMMON), "smallthinker", "BF16"),
}

PROMPTS = {name: (1, 45, 120) for name in ("gpt-oss-f16", "smallthinker-f16")}  # beyond windows
FOLDERS = {"mixtral-bf16", "olmoe-f16", "qwen2moe-f16", "qwen3moe-f16", "granitemoe-f16", "glm4moe-f16", "gpt-oss-f16", "gpt-oss-bf16"}
MERGED = {"qwen3moe-f16"}
MXFP4 = {"gpt-oss-mxfp4"}  # experts are; the reference has their exact values
ATTENTION = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]  # not in blocks

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
    "block_sparse_moe.primary_router.weight": "ffn_gate_inp.weight",
    "mlp.router.weight": "ffn_gate_inp.weight",
    "mlp.router.bias": "ffn_gate_inp.bias",
    "mlp.experts.down_proj_bias": "ffn_down_exps.bias",
    "self_attn.sinks": "attn_sinks.weight",
    "block_sparse_moe.router.weight": "ffn_gate_inp.weight",
    "block_sparse_moe.experts.down_proj": "ffn_down_exps.weight",
}
KEPT_F32 = ("ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight")


def of_config(config):
    if config.model_type == "smallthinker":
        return SmallThinkerForCausalLM(config)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    return AutoModelForCausalLM.from_config(config)


def to_mxfp4(numbers):
    """The nearest that blocks along the last dimension can hold."""
    of = gguf.GGMLQuantizationType.MXFP4
    return gguf.quants.quantize(np.ascontiguousarray(numbers), of)


def rounded(name, weight, kind, blocks):
    """What the file can hold of a matrix."""
    if is_router(name):
        return weight
    if blocks and name.endswith(("gate_up_proj", "down_proj")):
        rows = weight.transpose(1, 2).numpy()  # as gpt-oss has them
        return torch.from_numpy(gguf.quants.dequantize(to_mxfp4(rows), gguf.GGMLQuantizationType.MXFP4)).transpose(1, 2)
    return weight.to(dict(F16=torch.float16, BF16=torch.bfloat16, F32=torch.float32)[kind]).float()


def spread(name, weight, arch):
    """Of a matrix's numbers. What gpt-oss's experts bound has to reach the bounds; SmallThinker's bound nothing."""
    if "embed" in name:
        return 1.0
    experts = {"gpt_oss": 4.0, "smallthinker": 0.7}.get(arch, 1.0) if name.endswith("gate_up_proj") else 1.0
    return 1.2 / math.sqrt(weight.shape[-1]) * experts


def draw(config, kind, seed, blocks=False):
    torch.manual_seed(seed)
    model = of_config(config).float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.copy_((1 + 0.4 * torch.randn_like(weight)) if "norm" in name else 0.3 * torch.randn_like(weight))
                continue
            weight.copy_(torch.randn_like(weight) * spread(name, weight, config.model_type))
            weight.copy_(rounded(name, weight, kind, blocks))
        for name, buffer in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                buffer.copy_(0.2 * torch.randn_like(buffer))
    return model


def is_router(name):
    return name.endswith(("mlp.gate.weight", "shared_expert_gate.weight", "router.weight"))


def in_steps(x):
    """What kernels of MXFP4 see of their inputs: 127 steps to the largest of each 32 (docs/kernels.md)."""
    blocks = x.reshape(-1, 32)
    step = blocks.abs().amax(1, keepdim=True).clamp(min=1e-30) / 127
    return ((blocks / step).round() * step).reshape(x.shape)


def experts_in_steps(self, x, chosen, weights):
    out = torch.zeros_like(x)
    for expert in range(self.num_experts):
        rows, place = (chosen == expert).nonzero(as_tuple=True)
        gate_up = in_steps(x[rows]) @ self.gate_up_proj[expert] + self.gate_up_proj_bias[expert]
        each = in_steps(self._apply_gate(gate_up)) @ self.down_proj[expert] + self.down_proj_bias[expert]
        out.index_add_(0, rows, each * weights[rows, place, None])
    return out


def roughness(model, ids):
    """By how much steps change the logits, of the largest."""
    exact, own = stock.run(model, ids), GptOssExperts.forward
    GptOssExperts.forward = experts_in_steps
    rough = stock.run(model, ids)
    GptOssExperts.forward = own
    return float(np.abs(rough - exact).max() / np.abs(exact).max())


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


def make_runs(model, generator, prompts, rough):
    """As make_stock's, the routers' margins looked at as well."""
    runs = []
    for count in prompts:
        rows = sorted({0, count // 2, count - 1, count, count + 20, count + stock.GREEDY - 2})
        looked_at = rows if count > 100 else slice(None)
        for _ in range(400):
            prompt = [int(i) for i in generator.integers(0, 256, count)]
            greedy, margin = stock.continue_greedily(model, prompt)
            if margin <= stock.MARGIN or len(set(greedy)) <= 3:
                continue
            with Margins(model) as margins:
                stock.run(model, prompt + greedy)
            if rough and roughness(model, prompt + greedy) > ROUGH:
                continue
            if margins.least > (ROUGH_MARGIN if rough else ROUTER_MARGIN) and stock.is_steady(model, prompt + greedy, looked_at):
                break
        else:
            return None
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
        if config.model_type == "gpt_oss" and rest.endswith((".gate_up_proj", ".down_proj")):
            numbers = numbers.swapaxes(1, 2)
        if config.model_type == "gpt_oss" and rest.startswith("mlp.experts.gate_up_proj"):
            end = "bias" if rest.endswith("bias") else "weight"
            yield f"blk.{layer}.ffn_gate_exps.{end}", numbers[:, ::2]
            yield f"blk.{layer}.ffn_up_exps.{end}", numbers[:, 1::2]
        elif rest.endswith(".experts.gate_up_proj"):
            half = numbers.shape[1] // 2
            yield f"blk.{layer}.ffn_gate_exps.weight", numbers[:, :half]
            yield f"blk.{layer}.ffn_up_exps.weight", numbers[:, half:]
        elif rest in EXPERT_NAMES:
            gate = rest == "mlp.shared_expert_gate.weight"
            yield f"blk.{layer}.{EXPERT_NAMES[rest]}", numbers[0] if gate else numbers
        else:
            own = stock.gguf_name(name, arch)
            yield own.replace("ffn_norm", "post_attention_norm") if arch in ("glm4moe", "gpt-oss") else own, numbers


def write_expert_keys(writer, config):
    writer.add_expert_count(getattr(config, "num_experts", None) or config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size") and config.model_type != "smallthinker":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if config.model_type == "granitemoe":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if config.model_type in ("gpt_oss", "smallthinker"):
        writer.add_expert_feed_forward_length(config.intermediate_size)
        if config.sliding_window:
            writer.add_sliding_window(config.sliding_window)
    if config.model_type == "smallthinker":
        softmax = config.moe_primary_router_apply_softmax
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX if softmax else gguf.ExpertGatingFuncType.SIGMOID)
    if config.model_type == "glm4_moe":
        writer.add_expert_shared_count(config.n_shared_experts)
        writer.add_leading_dense_block_count(config.first_k_dense_replace)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_weights_scale(config.routed_scaling_factor)
        writer.add_expert_weights_norm(config.norm_topk_prob)
    if hasattr(config, "shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)


def is_bias(name):
    return name.endswith((".bias", "_bias"))


def write_model(path, model, arch, kind, blocks=False):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name(path.parent.name)
    stock.write_keys(writer, model.config, arch)
    write_expert_keys(writer, model.config)
    stock.write_vocabulary(writer)
    for name, numbers in tensors_of(model, arch):
        numbers = np.ascontiguousarray(numbers)
        if blocks and name.endswith("_exps.weight"):
            writer.add_tensor(name, to_mxfp4(numbers), raw_dtype=gguf.GGMLQuantizationType.MXFP4)
        elif numbers.ndim == 1 or kind == "F32" or name.endswith(KEPT_F32) or is_bias(name):
            writer.add_tensor(name, numbers)
        else:
            of = gguf.GGMLQuantizationType[kind]
            writer.add_tensor(name, gguf.quants.quantize(numbers, of), raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def in_folder(model, kind):
    """What the file has as f32 is so here, too."""
    half = dict(F16=torch.float16, BF16=torch.bfloat16)[kind]
    return {name: weight.to(half) if weight.dim() > 1 and not is_router(name) else weight for name, weight in model.state_dict().items()}


def check_numbers(path, model, **how):
    """transformers reads the same ones from the folder."""
    again = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **how).state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(again[name].float(), weight), name


def write_folder(path, model, kind):
    stock.save(path, model, kind)
    model.save_pretrained(path, state_dict=in_folder(model, kind))
    check_numbers(path, model)


def write_merged_folder(path, model, kind):
    """All experts of a layer in two tensors, as newer checkpoints may have them."""
    stock.save(path, model, kind)
    tensors = {name: weight.contiguous() for name, weight in in_folder(model, kind).items()
               if name != "lm_head.weight" or not model.config.tie_word_embeddings}
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})


def as_blocks(rows):
    """Pairs of neighbours and exponents, as gpt-oss's authors wrote them, of numbers that blocks can hold."""
    blocks = to_mxfp4(rows).reshape(*rows.shape[:-1], -1, 17)
    halves = blocks[..., 1:] & 15, blocks[..., 1:] >> 4  # numbers 0 to 15 of each 32, and 16 to 31
    codes = np.concatenate(halves, axis=-1)
    return torch.from_numpy(codes[..., ::2] | codes[..., 1::2] << 4), torch.from_numpy(blocks[..., 0].copy())


def as_gpt_oss_published(config):
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config.update(rope_scaling=rope, initial_context_length=rope["original_max_position_embeddings"],
                  experts_per_token=config["num_experts_per_tok"],
                  quantization_config=dict(modules_to_not_convert=ATTENTION, quant_method="mxfp4"))


def write_blocks_folder(path, model):
    """Experts as the checkpoints of gpt-oss have them."""
    stock.save(path, model, "F32")
    tensors = {}
    for name, weight in model.state_dict().items():
        if name.endswith(("gate_up_proj", "down_proj")):
            tensors[name + "_blocks"], tensors[name + "_scales"] = as_blocks(weight.transpose(1, 2).numpy())
        else:
            tensors[name] = weight
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    stock.edit_config(path, as_gpt_oss_published)
    check_numbers(path, model, quantization_config=Mxfp4Config(dequantize=True))


def apart(name, weight):
    """A matrix of each expert under the name that published checkpoints give it."""
    layer, _, part = name.rpartition(".experts.")
    for expert, rows in enumerate(weight):
        halves = zip(("gate", "up"), rows.chunk(2)) if part == "gate_up_proj" else [("down", rows)]
        yield from ((f"{layer}.experts.{expert}.{which}.weight", half.contiguous()) for which, half in halves)


def published_smallthinker(config):
    """config.json, with the keys that the authors' own code reads."""
    layers, windows = config.num_hidden_layers, [int(kind == "sliding_attention") for kind in config.layer_types]
    same = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps",
            "max_position_embeddings", "vocab_size", "tie_word_embeddings", "moe_primary_router_apply_softmax", "rope_layout")
    return dict({key: getattr(config, key) for key in same}, model_type="smallthinker", architectures=["SmallThinkerForCausalLM"],
                rope_theta=config.rope_parameters["rope_theta"], sliding_window_layout=windows, moe_layer_layout=[1] * layers,
                sliding_window_size=config.sliding_window or 4096, moe_num_primary_experts=config.num_experts,
                moe_num_active_primary_experts=config.num_experts_per_tok, moe_ffn_hidden_size=config.moe_intermediate_size,
                moe_shared_primary_experts=0, moe_enable_early_router=True, moe_enable_secondary_experts=False,
                moe_num_secondary_experts=0, moe_secondary_expert_size=0, dense_ffn_hidden_size=64, use_qk_norm=False,
                bos_token_id=256, eos_token_id=257, rope_scaling=None, use_cache=True)


def write_smallthinker_folder(path, model, kind):
    path.mkdir(parents=True, exist_ok=True)
    stock.save_vocabulary(path)
    (path / "config.json").write_text(json.dumps(published_smallthinker(model.config), indent=2) + "\n")
    tensors = {}
    for name, weight in in_folder(model, kind).items():
        tensors.update(apart(name, weight) if ".experts." in name else {name: weight})
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})


def make(name, out):
    config, arch, kind = FIXTURES[name]
    for seed in range(1, 200):
        model = draw(config, kind, seed, name in MXFP4)
        generator = np.random.default_rng(seed)
        if not stock.every_tensor_matters(model, [int(i) for i in generator.integers(0, 256, 24)]):
            continue
        runs = make_runs(model, generator, PROMPTS.get(name, stock.PROMPTS), name in MXFP4)
        if runs:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model.gguf", model, arch, kind, name in MXFP4)
    if name in FOLDERS:
        write_folder(folder / "folder", model, kind)
    if arch == "smallthinker":
        write_smallthinker_folder(folder / "folder", model, kind)
    if name in MXFP4:
        write_blocks_folder(folder / "folder", model)
    if name in MERGED:
        write_merged_folder(folder / "merged", model, kind)
    golden = {"vocab": stock.VOCAB, "texts": [],
              "runs": [{"prompt": prompt, "greedy": greedy, "rows": rows} for prompt, greedy, rows, _ in runs]}
    if name in MXFP4:
        golden["tolerance"] = 2 * ROUGH
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
