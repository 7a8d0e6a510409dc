#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Train wick's demo model with experts: a small Qwen3-MoE whose router has learned from real text.

    python3 -m venv venv && venv/bin/pip install torch transformers==5.24 gguf tokenizers
    venv/bin/python train_experts.py --text DIR_OF_NOVELS --out moe-16m.gguf [--minutes 60]

The file is what people download: a stock GGUF in the layout of Qwen3-MoE, its experts of a layer in one tensor, q8_0 but
for norms and routers. Its vocabulary is that of `opt-8m`, which lies beside this script. The matrices of attention and of
the experts learn by Muon, each expert's by itself, everything else by AdamW; the router's usual loss of balance keeps all
experts in use.
"""
import argparse
import json
import math
import pathlib
import time

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import ByteLevelBPETokenizer
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from train import HELD_OUT, Muon, learning_rate, token_stream

HERE = pathlib.Path(__file__).parent
VOCAB, D_MODEL, LAYERS, HEADS, KV_HEADS, HEAD_DIM, CONTEXT = 2048, 256, 6, 4, 2, 64, 512
EXPERTS, CHOSEN, FFN = 16, 2, 192
BATCH = 8  # sequences of CONTEXT tokens a step
BEGIN, PAD, END = 0, 1, 2  # <s>, <pad>, </s> of the vocabulary
BALANCE = 0.01  # weight of the router's loss of balance


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--text", type=pathlib.Path, required=True, help="a folder of .txt novels")
    p.add_argument("--out", type=pathlib.Path, required=True, help="the GGUF file to write")
    p.add_argument("--minutes", type=float, default=60, help="time to train for; the schedule follows the clock")
    p.add_argument("--threads", type=int, default=0, help="threads of the arithmetic (all)")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def make_model():
    model = Qwen3MoeForCausalLM(Qwen3MoeConfig(
        vocab_size=VOCAB, hidden_size=D_MODEL, intermediate_size=FFN, moe_intermediate_size=FFN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=HEAD_DIM, num_experts=EXPERTS,
        num_experts_per_tok=CHOSEN, norm_topk_prob=True, tie_word_embeddings=True, max_position_embeddings=CONTEXT,
        rope_theta=10000.0, bos_token_id=BEGIN, eos_token_id=END, pad_token_id=PAD, router_aux_loss_coef=BALANCE))
    for layer in model.model.layers:
        for matrix in (layer.self_attn.o_proj.weight, layer.mlp.experts.down_proj):
            matrix.data.mul_(1 / math.sqrt(2 * LAYERS))
    return model


def optimizers(model):
    muon, decayed, plain = [], [], []
    for name, p in model.named_parameters():
        if "experts" in name or ("self_attn" in name and p.ndim == 2):
            muon.append(p)
        else:
            (decayed if p.ndim == 2 else plain).append(p)
    groups = [dict(params=decayed, weight_decay=0.05), dict(params=plain, weight_decay=0.0)]
    return [Muon(muon, lr=2e-3, dtype=torch.bfloat16), torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.97))]


def batch_of(stream, generator):
    starts = torch.randint(0, len(stream) - CONTEXT, (BATCH,), generator=generator)
    ids = torch.stack([stream[s:s + CONTEXT] for s in starts.tolist()])
    ids[:, 0] = BEGIN
    return ids


def losses(model, ids):
    """Nats a token, and with them the weighted loss of balance."""
    with torch.autocast("cpu", torch.bfloat16):
        out = model(input_ids=ids, output_router_logits=True)
    nats = F.cross_entropy(out.logits[:, :-1].float().reshape(-1, VOCAB), ids[:, 1:].reshape(-1))
    return nats, nats + BALANCE * out.aux_loss


def train_model(args, train):
    model, generator = make_model(), torch.Generator().manual_seed(args.seed)
    opts = optimizers(model)
    base = [[g["lr"] for g in o.param_groups] for o in opts]
    begun, step = time.monotonic(), 0
    while (progress := (time.monotonic() - begun) / 60 / args.minutes) < 1:
        scale = learning_rate(progress, (step + 1) / 100)
        for o, lrs in zip(opts, base):
            for g, lr in zip(o.param_groups, lrs):
                g["lr"] = lr * scale
        nats, loss = losses(model, batch_of(train, generator))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        if step % 50 == 0:
            print(f"step {step} {100 * progress:.1f}% {time.monotonic() - begun:.0f} s, {nats.item():.3f} nats a token", flush=True)
        step += 1
    return model, step


@torch.no_grad()
def evaluate(model, stream, sequences=64):
    """Nats a token on stretches of a text that was never trained on, and how often each layer's busiest expert is chosen."""
    step = (len(stream) - CONTEXT) // sequences
    total, chosen = 0.0, np.zeros((LAYERS, EXPERTS))
    for i in range(sequences):
        ids = stream[i * step:i * step + CONTEXT].clone()[None]
        ids[:, 0] = BEGIN
        out = model(input_ids=ids, output_router_logits=True)
        total += F.cross_entropy(out.logits[0, :-1], ids[0, 1:]).item()
        for layer, logits in enumerate(out.router_logits):
            chosen[layer] += np.bincount(logits.topk(CHOSEN).indices.flatten(), minlength=EXPERTS)
    return total / sequences, chosen.max(1) / (sequences * CONTEXT)


def stock_tensors(state):
    """Each tensor of the state as llama.cpp's converter names it."""
    yield "token_embd", state["model.embed_tokens.weight"]
    yield "output_norm", state["model.norm.weight"]
    for i in range(LAYERS):
        for ours, theirs in STOCK_NAMES.items():
            yield f"blk.{i}.{ours}", state[f"model.layers.{i}.{theirs}"]
        both = state[f"model.layers.{i}.mlp.experts.gate_up_proj"]
        yield f"blk.{i}.ffn_gate_exps", both[:, :FFN]
        yield f"blk.{i}.ffn_up_exps", both[:, FFN:]


STOCK_NAMES = dict(
    attn_norm="input_layernorm.weight", attn_q="self_attn.q_proj.weight", attn_k="self_attn.k_proj.weight",
    attn_v="self_attn.v_proj.weight", attn_output="self_attn.o_proj.weight", attn_q_norm="self_attn.q_norm.weight",
    attn_k_norm="self_attn.k_norm.weight", ffn_norm="post_attention_layernorm.weight", ffn_gate_inp="mlp.gate.weight",
    ffn_down_exps="mlp.experts.down_proj")


def add_facts(w):
    w.add_name("wick demo model with experts")
    w.add_license("Apache-2.0")
    w.add_block_count(LAYERS)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(D_MODEL)
    w.add_feed_forward_length(FFN)
    w.add_expert_feed_forward_length(FFN)
    w.add_expert_count(EXPERTS)
    w.add_expert_used_count(CHOSEN)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_key_length(HEAD_DIM)
    w.add_value_length(HEAD_DIM)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(10000.0)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def add_vocabulary(w, folder):
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    tokens = sorted(ids, key=ids.get)
    control = {"<s>", "<pad>", "</s>", "<unk>"}
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t in control else gguf.TokenType.NORMAL for t in tokens])
    w.add_token_merges([m for m in merges if m and not m.startswith("#version")])
    w.add_bos_token_id(BEGIN)
    w.add_eos_token_id(END)
    w.add_pad_token_id(PAD)
    w.add_add_bos_token(True)


def save(state, vocabulary, out):
    w = gguf.GGUFWriter(out, "qwen3moe")
    add_facts(w)
    add_vocabulary(w, vocabulary)
    for name, tensor in stock_tensors(state):
        data = tensor.detach().float().contiguous().numpy()
        kind = gguf.GGMLQuantizationType.F32 if "norm" in name or "gate_inp" in name else gguf.GGMLQuantizationType.Q8_0
        w.add_tensor(f"{name}.weight", gguf.quants.quantize(data, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
    vocabulary = HERE / "opt-8m"
    tok = ByteLevelBPETokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    files = sorted(args.text.glob("*.txt"))
    model, steps = train_model(args, token_stream(tok, [f for f in files if f.stem not in HELD_OUT]))
    save(model.state_dict(), vocabulary, args.out)
    nats, busiest = evaluate(model.eval(), token_stream(tok, [f for f in files if f.stem in HELD_OUT]))
    print(f"{steps} steps, {steps * BATCH * CONTEXT / 1e6:.1f} M tokens; unseen text: {nats:.3f} nats a token, perplexity "
          f"{math.exp(nats):.1f}; the busiest expert's share, layer by layer: " + " ".join(f"{100 * s:.0f}%" for s in busiest))


if __name__ == "__main__":
    main()
