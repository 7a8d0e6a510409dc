#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Make tiny checkpoints of families whose FFNs are mostly zeros, and what is computed from them.

    python3 -m venv venv && venv/bin/pip install torch transformers gguf numpy
    venv/bin/python make_relu.py [--out fixtures/relu] [NAME...]

Each fixture is a Hugging Face folder (folder/) with golden.json and golden.f32 beside it, as make_stock.py has them, and by
the same rules: each tensor matters, no greedy step is near a tie, and the order of sums hardly shows.

Falcon, Phi-2, Persimmon and Llama with ReLU gates are transformers' own. Where a checkpoint comes with code of its own
(ProSparse, Bamboo and TurboSparse) its FFN is written here from what its authors publish:

    ProSparse (arXiv 2402.13516)    down(fat(gate x) * up x),  fat(z) = z where z > threshold, else 0
    Bamboo, TurboSparse (2406.05955)    down(relu(gate x) * relu(up x))

in place of that of transformers' Llama or Mistral, from which nothing else of theirs differs. So is that of a Llama with
thresholds (CATS, arXiv 2404.08763), each layer with its own, which its folder does not say:

    down(cut(silu(gate x)) * up x),  cut(z) = z where |z| >= threshold, else 0

Beside two of them are predictors as PowerInfer's files have them (powerinfer/model_N.pt), and which neurons these choose for
the longest prompt (powerinfer/chosen.bits: of each token, of each layer, a bit a neuron). Each is fc2(relu(fc1 r)) > 0, and r is
what PowerInfer's graphs give them: of Llama what goes into the norm in front of the FFN, of Falcon the layer's input.
"""
import argparse
import dataclasses
import json
import pathlib

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, MistralConfig

import make_stock as stock

TOKENS = stock.COMMON
THRESHOLD = 0.3
CUTS = (0.21, 0.125, 0.3125)  # of a layer each


class FatRelu(torch.nn.Module):
    def forward(self, x):
        return torch.where(x > THRESHOLD, x, torch.zeros_like(x))


class CutSilu(torch.nn.Module):
    """Layers are made one after the other, and take the thresholds in turn."""
    left = []

    def __init__(self):
        super().__init__()
        CutSilu.left = CutSilu.left or list(CUTS)
        self.threshold = CutSilu.left.pop(0)

    def forward(self, x):
        z = torch.nn.functional.silu(x)
        return torch.where(z.abs() >= self.threshold, z, torch.zeros_like(z))


class DoubleRelu(torch.nn.Module):
    """An FFN with ReLU on gate and up."""

    def __init__(self, mlp):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = mlp.gate_proj, mlp.up_proj, mlp.down_proj

    def forward(self, x):
        return self.down_proj(torch.relu(self.gate_proj(x)) * torch.relu(self.up_proj(x)))


@dataclasses.dataclass
class Fixture:
    config: transformers.PreTrainedConfig
    kind: str
    embed: float = 1.0
    prompts: tuple = stock.PROMPTS
    own: type | None = None         # of the FFN's activation, or of the FFN
    said: dict = dataclasses.field(default_factory=dict)  # of config.json, in place of transformers'
    extra: bool = False             # tensors that are no part of the model

    def kind_of(self, name):
        return self.kind


FIXTURES = {
    "relullama-f16": Fixture(LlamaConfig(hidden_size=64, intermediate_size=108, num_hidden_layers=3, num_attention_heads=4,
                                         num_key_value_heads=2, head_dim=24, hidden_act="relu", **TOKENS), "F16"),
    "relullama-bias-bf16": Fixture(LlamaConfig(hidden_size=56, intermediate_size=90, num_hidden_layers=2,
                                               num_attention_heads=7, num_key_value_heads=1, head_dim=40, mlp_bias=True,
                                               hidden_act="relu", tie_word_embeddings=True, **TOKENS), "BF16"),
    "prosparse-f16": Fixture(LlamaConfig(hidden_size=72, intermediate_size=110, num_hidden_layers=2, num_attention_heads=3,
                                         num_key_value_heads=3, **TOKENS), "F16", own=FatRelu,
                             said={"hidden_act": "fatrelu", "hidden_act_param": THRESHOLD}),
    "bamboo-bf16": Fixture(MistralConfig(hidden_size=96, intermediate_size=130, num_hidden_layers=2, num_attention_heads=6,
                                         num_key_value_heads=2, sliding_window=32, **stock.WIDE), "BF16",
                           prompts=stock.BEYOND, own=DoubleRelu, extra=True,
                           said={"model_type": "bamboo", "architectures": ["BambooForCausalLM"], "hidden_act": "relu"}),
    "swiglu-cut-f16": Fixture(LlamaConfig(hidden_size=64, intermediate_size=400, num_hidden_layers=3, num_attention_heads=4,
                                          num_key_value_heads=2, head_dim=24, **TOKENS), "F16", own=CutSilu),
    "falcon-relu-f16": Fixture(stock.falcon(hidden_size=96, ffn_hidden_size=130, num_hidden_layers=2,
                                            num_attention_heads=6, multi_query=True, activation="relu",
                                            max_position_embeddings=256), "F16", embed=0.2),
    "falcon-40b-relu-f16": Fixture(stock.falcon(hidden_size=96, ffn_hidden_size=130, num_hidden_layers=2,
                                                num_attention_heads=6, num_kv_heads=2, new_decoder_architecture=True,
                                                activation="relu", max_position_embeddings=256), "F16", embed=0.2),
    "phi-relu-f16": Fixture(transformers.PhiConfig(hidden_size=80, intermediate_size=110, num_hidden_layers=2,
                                                   num_attention_heads=2, hidden_act="relu",
                                                   rope_parameters=dict(rope_type="default", rope_theta=10000.0,
                                                                        partial_rotary_factor=0.4), **TOKENS), "F16"),
    "persimmon-f16": Fixture(transformers.PersimmonConfig(hidden_size=64, intermediate_size=100, num_hidden_layers=2,
                                                          num_attention_heads=4,
                                                          rope_parameters=dict(rope_type="default", rope_theta=25000.0,
                                                                               partial_rotary_factor=0.5),
                                                          **TOKENS), "F16"),
}


def draw(fixture, seed):
    model = stock.draw(fixture, seed)
    for layer in model.model.layers if fixture.own else ():
        if fixture.own is DoubleRelu:
            layer.mlp = DoubleRelu(layer.mlp)
        else:
            layer.mlp.act_fn = fixture.own()
    return model


def firing(model, ids):
    """Share of neurons that are not 0, by what the down-projections are given."""
    shares = []
    hooks = [module.register_forward_pre_hook(lambda m, x: shares.append(float((x[0] != 0).float().mean())))
             for name, module in model.named_modules() if name.endswith(("down_proj", "dense_4h_to_h", "fc2"))]
    stock.run(model, ids)
    for hook in hooks:
        hook.remove()
    return shares


def write_folder(path, model, fixture):
    if fixture.extra:
        model.model.layers[0].mlp.predictor = torch.nn.Linear(8, 8, bias=False)
    stock.write_folder(path, model, fixture.kind)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **fixture.said}, indent=2) + "\n")
    (path / "generation_config.json").unlink(missing_ok=True)


def make(name, out):
    fixture = FIXTURES[name]
    for seed in range(1, 200):
        model = draw(fixture, seed)
        generator = np.random.default_rng(seed)
        if not stock.every_tensor_matters(model, [int(i) for i in generator.integers(0, 256, 24)]):
            continue
        runs = stock.make_runs(model, generator, fixture.prompts)
        if runs:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    shares = firing(model, runs[-1][0])
    write_folder(folder / "folder", model, fixture)
    golden = {"vocab": stock.VOCAB, "texts": [],
              "runs": [{"prompt": prompt, "greedy": greedy, "rows": rows} for prompt, greedy, rows, _ in runs]}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    np.concatenate([logits for *_, logits in runs]).astype("<f4").tofile(folder / "golden.f32")
    print(f"{name}: seed {seed}, firing " + " ".join(f"{share:.0%}" for share in shares))


SEEN = {"relullama-f16": "post_attention_layernorm", "falcon-relu-f16": "input_layernorm"}
RANK = 16


def draw_predictor(r, neurons, layer):
    """Matrices, and what they choose by r, with no score so near 0 that rounding could turn it."""
    for seed in range(100):
        generator = torch.Generator().manual_seed(100 * layer + seed)
        fc1 = torch.randn(RANK, r.shape[1], generator=generator).half()
        fc2 = torch.randn(neurons, RANK, generator=generator).half()
        score = torch.relu(r @ fc1.float().T) @ fc2.float().T
        if (score.abs() / score.abs().max()).min() > 1e-5:
            return {"fc1.weight": fc1, "fc2.weight": fc2}, score > 0
    raise SystemExit("no predictors will do")


def make_powerinfer(name, out):
    """Of a fixture that is there. What is not chosen is left out of the FFN."""
    folder = out / name
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "folder", dtype=torch.float32,
                                                              attn_implementation="eager").eval()
    prompt = json.loads((folder / "golden.json").read_text())["runs"][-1]["prompt"]
    neurons = getattr(model.config, "intermediate_size", None) or model.config.ffn_hidden_size
    (folder / "powerinfer").mkdir(exist_ok=True)
    chosen = []

    def see(norm, x):
        matrices, mask = draw_predictor(x[0][0], neurons, len(chosen))
        torch.save(matrices, folder / "powerinfer" / f"model_{len(chosen)}.pt")
        chosen.append(mask)

    for module_name, module in model.named_modules():
        if module_name.endswith(SEEN[name]):
            module.register_forward_pre_hook(see)
        elif module_name.endswith(("down_proj", "dense_4h_to_h")):
            module.register_forward_pre_hook(lambda m, x: (x[0] * chosen[-1],))
    stock.run(model, prompt)
    bits = [np.packbits(mask.numpy(), axis=1, bitorder="little") for mask in chosen]
    np.stack(bits, axis=1).tofile(folder / "powerinfer" / "chosen.bits")
    print(f"{name}: {len(chosen)} predictors")


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures/relu")
    parser.add_argument("names", nargs="*", default=list(FIXTURES))
    args = parser.parse_args()
    for name in args.names:
        make(name, args.out)
        if name in SEEN:
            make_powerinfer(name, args.out)


if __name__ == "__main__":
    main()
