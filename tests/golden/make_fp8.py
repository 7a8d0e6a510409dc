#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Make tiny folders whose matrices are FP8 with a scale for each block of 128 by 128, and the numbers that those are to PyTorch.

    python3 -m venv venv && venv/bin/pip install torch transformers accelerate
    venv/bin/python make_fp8.py [--out fixtures/fp8]

    NAME/codes/    the folder: F8_E4M3, and weight_scale_inv
    NAME/numbers/  the same model, of numbers: code times scale in float32, for llama rounded to bfloat16
    e4m3.f32       what the 256 codes are, little-endian float32

llama's matrices go beyond a block in both directions, and end within one; qwen3's scales are bfloat16.
"""
import argparse
import pathlib

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, FineGrainedFP8Config, LlamaConfig, Qwen3Config

import make_stock as stock

BLOCK = 128
CODES = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()

# name: config, type of scales, type of the numbers
FIXTURES = {
    "llama": (LlamaConfig(hidden_size=136, intermediate_size=132, num_hidden_layers=1, num_attention_heads=2,
                          num_key_value_heads=1, head_dim=72, **stock.COMMON), torch.float32, torch.bfloat16),
    "qwen3": (Qwen3Config(hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
                          num_key_value_heads=1, head_dim=32, tie_word_embeddings=True, **stock.COMMON),
              torch.bfloat16, torch.float32),
}


def each_number(scales, shape):
    """The scale of each number."""
    for axis in (0, 1):
        scales = scales.repeat_interleave(BLOCK, axis)
    return scales[:shape[0], :shape[1]]


def quantise(weight, kind):
    """Codes and scales, the largest of a block to the largest code; the first row has every code that is a number."""
    rows, cols = (-(-n // BLOCK) for n in weight.shape)
    scales = torch.stack([block.abs().max() / 448 for band in weight.split(BLOCK) for block in band.split(BLOCK, 1)])
    scales = scales.reshape(rows, cols).to(kind)
    codes = (weight / each_number(scales.float(), weight.shape)).to(torch.float8_e4m3fn)
    finite = torch.arange(256, dtype=torch.uint8)[CODES.isfinite()]
    codes.view(torch.uint8)[0] = finite[torch.arange(weight.shape[1]) * 2 % len(finite)]
    return codes, scales


def is_quantised(name):
    return name.endswith("_proj.weight")


def write(path, model, tensors, quantised):
    stock.save(path, model, "BF16")
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    if quantised:
        stock.edit_config(path, lambda config: config.update(quantization_config=dict(
            quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=[BLOCK, BLOCK],
            modules_to_not_convert=["lm_head"])))


def check(path, numbers):
    """transformers reads the same; of blocks that end within a matrix it would take others."""
    again = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32,
                                                 quantization_config=FineGrainedFP8Config(dequantize=True)).state_dict()
    for name, weight in numbers.items():
        assert torch.equal(again[name].float(), weight.float()), name


def make(name, out):
    config, scale_kind, kind = FIXTURES[name]
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    codes, numbers = {}, {}
    for tensor, weight in model.state_dict().items():
        if tensor == "lm_head.weight" and config.tie_word_embeddings:
            continue
        codes[tensor] = numbers[tensor] = (0.1 * torch.randn_like(weight)).to(torch.bfloat16)
        if is_quantised(tensor):
            codes[tensor], scales = quantise(codes[tensor].float(), scale_kind)
            codes[tensor + "_scale_inv"] = scales
            numbers[tensor] = (codes[tensor].float() * each_number(scales.float(), weight.shape)).to(kind)
    write(out / name / "codes", model, codes, True)
    write(out / name / "numbers", model, numbers, False)
    if name == "qwen3":
        check(out / name / "codes", numbers)


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures/fp8")
    args = parser.parse_args()
    for name in FIXTURES:
        make(name, args.out)
    CODES.numpy().astype("<f4").tofile(args.out / "e4m3.f32")


if __name__ == "__main__":
    main()
