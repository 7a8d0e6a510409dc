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


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures/relu")
    parser.add_argument("names", nargs="*", default=list(FIXTURES))
    args = parser.parse_args()
    for name in args.names:
        make(name, args.out)


if __name__ == "__main__":
    main()
