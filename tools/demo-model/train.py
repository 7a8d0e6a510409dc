#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Train wick's demo model: a small OPT whose FFN activations are as sparse as OPT-6.7B's.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train.py --text DIR_OF_NOVELS --out opt-8m [--minutes 100]
    venv/bin/python train.py --text DIR_OF_NOVELS --out opt-8m --measure     only writes opt-8m/README.md again

The model is an ordinary Hugging Face OPT folder: config.json, pytorch_model.bin (f16), vocab.json, merges.txt.
Each layer's ReLU output is penalised by its mean (L1), and the weight of that penalty is steered per layer
towards a falling target, because one weight for all of them leaves the first layer dense.
Attention and down-projection matrices learn by Muon, everything else by AdamW: fc1 stays with AdamW since
orthogonalised updates would take the penalty's size out of its gradient.
"""
import argparse
import json
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import ByteLevelBPETokenizer
from transformers import OPTConfig, OPTForCausalLM

VOCAB, D_MODEL, LAYERS, HEADS, FFN, CONTEXT = 2048, 320, 6, 5, 1280, 512
BATCH = 8  # sequences of CONTEXT tokens a step
EOS = 2
# One novel of each of five authors is never trained on: what the README's figures are measured with.
HELD_OUT = ("Doyle_Lost_1912", "Eliot_Adam_1859", "Burnett_Garden_1911", "Conrad_Almayer_1895", "Stevenson_Treasure_1883")
# Aimed below the promise (7% a layer, 4% on average), since unseen text is a little denser.
TARGET_FIRST, TARGET_REST, TARGET_START = 0.050, 0.030, 0.50


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--text", type=pathlib.Path, required=True, help="a folder of .txt novels")
    p.add_argument("--out", type=pathlib.Path, required=True, help="the Hugging Face folder to write")
    p.add_argument("--minutes", type=float, default=100, help="time to train for; the schedule follows the clock")
    p.add_argument("--measure", action="store_true", help="measure the model that is there, do not train")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def learn_tokenizer(files, out):
    tok = ByteLevelBPETokenizer()
    tok.train([str(f) for f in files], vocab_size=VOCAB, min_frequency=2,
              special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False)
    tok.save_model(str(out))
    return tok


def novel(path):
    """The text of a novel with each paragraph on one line, as people type prompts."""
    text = path.read_text(encoding="utf-8", errors="ignore").replace("\r\n", "\n")
    paragraphs = (" ".join(p.split()) for p in text.split("\n\n"))
    return "\n".join(p for p in paragraphs if p)


def token_stream(tok, files):
    return torch.from_numpy(np.concatenate([np.array(tok.encode(novel(f)).ids, dtype=np.int64) for f in files]))


def make_model():
    config = OPTConfig(vocab_size=VOCAB, hidden_size=D_MODEL, num_hidden_layers=LAYERS, ffn_dim=FFN,
                       num_attention_heads=HEADS, max_position_embeddings=CONTEXT, word_embed_proj_dim=D_MODEL,
                       do_layer_norm_before=True, activation_function="relu", dropout=0.0, attention_dropout=0.0,
                       layerdrop=0.0, pad_token_id=1, bos_token_id=EOS, eos_token_id=EOS)
    model = OPTForCausalLM(config)
    for layer in model.model.decoder.layers:
        for matrix in (layer.self_attn.out_proj.weight, layer.fc2.weight):
            matrix.data.mul_(1 / math.sqrt(2 * LAYERS))
    return model


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by five Newton-Schulz steps (Jordan 2024), scaled to AdamW's step size. A parameter is a matrix or
    a stack of them, each by itself; dtype: of those steps."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.1, dtype=torch.float32):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.dtype = dtype

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonal(p.grad.lerp(m, group["momentum"]).to(self.dtype)).to(p.dtype)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(p.shape[-2:])))


def orthogonal(g):
    x = g / (g.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = g.shape[-2] > g.shape[-1]
    if tall:
        x = x.mT
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


def optimizers(model):
    muon, decayed, plain = [], [], []
    for name, p in model.named_parameters():
        if p.ndim == 2 and ("self_attn" in name or "fc2" in name):
            muon.append(p)
        else:
            (decayed if p.ndim == 2 else plain).append(p)
    groups = [dict(params=decayed, weight_decay=0.05), dict(params=plain, weight_decay=0.0)]
    return [Muon(muon, lr=2e-3), torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.97))]


class Activations:
    """Collects each layer's ReLU output while a batch runs through the model."""

    def __init__(self, model):
        self.mean, self.active = [], []
        for layer in model.model.decoder.layers:
            layer.activation_fn.register_forward_hook(self.hook)

    def hook(self, _module, _inputs, h):
        self.mean.append(h.mean())
        self.active.append((h.detach() > 0).float().mean().item())

    def take(self):
        mean, active = self.mean, self.active
        self.mean, self.active = [], []
        return mean, active


def targets(progress):
    """Active share to steer each layer to: from 50% down over the first 30% of the run, then held."""
    t = min(1.0, progress / 0.30)
    return [TARGET_START ** (1 - t) * goal ** t for goal in [TARGET_FIRST] + [TARGET_REST] * (LAYERS - 1)]


def learning_rate(progress, warm):
    return min(1.0, warm) * (1.0 if progress < 0.5 else max(0.02, (1 - progress) / 0.5))


def batch_of(stream, generator, device):
    starts = torch.randint(0, len(stream) - CONTEXT, (BATCH,), generator=generator)
    ids = torch.stack([stream[s:s + CONTEXT] for s in starts.tolist()])
    ids[:, 0] = EOS  # every text given to an OPT begins with </s>
    return ids.to(device)


def loss_of(model, ids):
    logits = model(input_ids=ids).logits
    return F.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), ids[:, 1:].reshape(-1))


@torch.no_grad()
def evaluate(model, acts, stream, device, sequences=24):
    """Loss and active share per layer on consecutive stretches of a held-out stream."""
    step = (len(stream) - CONTEXT) // sequences
    total, shares = 0.0, np.zeros(LAYERS)
    for i in range(sequences):
        ids = stream[i * step:i * step + CONTEXT].clone()[None]
        ids[:, 0] = EOS
        total += loss_of(model, ids.to(device)).item()
        shares += np.array(acts.take()[1])
    return total / sequences, shares / sequences


def save(model, out):
    half = {k: v.detach().to("cpu", torch.float16).clone() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    config = model.config.to_dict() | {"architectures": ["OPTForCausalLM"], "torch_dtype": "float16", "prefix": "</s>"}
    for key in ("_name_or_path", "transformers_version"):
        config.pop(key, None)
    keep = OPTConfig().to_diff_dict()
    short = {k: v for k, v in config.items() if k in keep or k in KEPT}
    (out / "config.json").write_text(json.dumps(short, indent=2, sort_keys=True) + "\n")
    part = out / "pytorch_model.bin.part"
    torch.save(half, part)
    part.replace(out / "pytorch_model.bin")


KEPT = ("activation_function", "architectures", "bos_token_id", "do_layer_norm_before", "eos_token_id", "ffn_dim",
        "hidden_size", "max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers",
        "pad_token_id", "prefix", "tie_word_embeddings", "torch_dtype", "vocab_size", "word_embed_proj_dim",
        "enable_bias", "layer_norm_elementwise_affine")


def sample(model, tok, prompt, device, n=120):
    ids = torch.tensor([[EOS] + tok.encode(prompt).ids], device=device)
    torch.manual_seed(7)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, do_sample=True, temperature=0.7, top_p=0.9)
    return tok.decode(out[0].tolist()[1:])


def write_readme(out, model, tok, result, spent):
    loss, shares = result
    params = sum(p.numel() for p in model.parameters())
    rows = "\n".join(f"| {i} | {100 * (1 - s):.1f}% |" for i, s in enumerate(shares))
    prompt = "The old man looked at the sea and"
    text = sample(model, tok, prompt, model.device).replace("\n", "\n> ")
    (out / "README.md").write_text(f"""# The demo model

Written by `tools/demo-model/train.py`; do not edit. An OPT ({LAYERS} layers, d_model {D_MODEL}, ffn {FFN}, {HEADS} heads,
vocabulary {VOCAB}, context {CONTEXT}; {params / 1e6:.2f} M parameters, f16), trained for {spent['steps']} steps
({spent['steps'] * BATCH * CONTEXT / 1e6:.1f} M tokens, on {spent['where']}) on out-of-copyright English novels.
Figures are for text it has not seen ({', '.join(HELD_OUT)}).

Perplexity {math.exp(loss):.2f} ({loss:.3f} nats a token).

| layer | FFN activations that are zero |
|---|---|
{rows}
| mean | {100 * (1 - shares.mean()):.1f}% |

A sample at temperature 0.7, top-p 0.9:

> {text}
""")


def train_model(args, device, train):
    model = make_model().to(device)
    acts, opts = Activations(model), optimizers(model)
    base = [[g["lr"] for g in o.param_groups] for o in opts]
    generator = torch.Generator().manual_seed(args.seed)
    penalty = np.full(LAYERS, 1e-2)
    begun, last_save, step = time.monotonic(), time.monotonic(), 0
    while (progress := (time.monotonic() - begun) / 60 / args.minutes) < 1:
        scale = learning_rate(progress, (step + 1) / 100)
        for o, lrs in zip(opts, base):
            for g, lr in zip(o.param_groups, lrs):
                g["lr"] = lr * scale
        loss = loss_of(model, batch_of(train, generator, device))
        mean, active = acts.take()
        (loss + sum(float(w) * m for w, m in zip(penalty, mean))).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        if step % 10 == 0:
            penalty *= [1.08 if a > g else 0.95 for a, g in zip(active, targets(progress))]
        if step % 50 == 0:
            shares = " ".join(f"{100 * a:.1f}" for a in active)
            print(f"step {step} {100 * progress:.1f}% loss {loss.item():.3f} active% {shares} penalty "
                  + " ".join(f"{w:.1e}" for w in penalty), flush=True)
        if time.monotonic() - last_save > 600:
            save(model, args.out)
            last_save = time.monotonic()
        step += 1
    save(model, args.out)
    where = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    (args.out / "training.json").write_text(json.dumps(dict(steps=step, where=where)) + "\n")


def measure(out, tok, held_out, device):
    """Figures and README of the model as stored."""
    model = OPTForCausalLM.from_pretrained(out, torch_dtype=torch.float32).to(device).eval()
    result = evaluate(model, Activations(model), held_out, device, 64)
    write_readme(out, model, tok, result, json.loads((out / "training.json").read_text()))
    print((out / "README.md").read_text())


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    files = sorted(args.text.glob("*.txt"))
    seen = [f for f in files if f.stem not in HELD_OUT]
    if args.measure:
        tok = ByteLevelBPETokenizer(str(args.out / "vocab.json"), str(args.out / "merges.txt"))
    else:
        tok = learn_tokenizer(seen, args.out)
        train_model(args, device, token_stream(tok, seen))
    measure(args.out, tok, token_stream(tok, [f for f in files if f.stem in HELD_OUT]), device)


if __name__ == "__main__":
    main()
