# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""SmallThinker (arXiv 2507.20984) in plain PyTorch, for make_experts.py: transformers does not have it.

Written from the published config and description. What differs from Llama: a layer's router reads the residual before any norm,
the best experts are chosen by its outputs, and weighed by sigmoids of these, or shares among those chosen, made to sum to 1; an
expert is relu(gate x) * up x; the first of every four layers sees everything and turns nothing, the others see a window.
Names of parameters are those of the published checkpoints.
"""
import types

import torch
from torch import nn
from transformers import PreTrainedConfig


class SmallThinkerConfig(PreTrainedConfig):
    model_type = "smallthinker"

    def __init__(self, hidden_size=0, num_hidden_layers=0, num_attention_heads=0, num_key_value_heads=0, head_dim=0,
                 moe_num_primary_experts=0, moe_num_active_primary_experts=0, moe_ffn_hidden_size=0,
                 moe_primary_router_apply_softmax=False, sliding_window_layout=None, sliding_window_size=4096, rope_layout=None,
                 rope_theta=1e6, rms_norm_eps=1e-6, max_position_embeddings=0, vocab_size=0, **rest):
        self.hidden_size, self.num_hidden_layers, self.head_dim = hidden_size, num_hidden_layers, head_dim
        self.num_attention_heads, self.num_key_value_heads = num_attention_heads, num_key_value_heads
        self.num_experts, self.num_experts_per_tok = moe_num_primary_experts, moe_num_active_primary_experts
        self.moe_intermediate_size = self.intermediate_size = moe_ffn_hidden_size
        self.moe_primary_router_apply_softmax = moe_primary_router_apply_softmax
        self.rope_layout = rope_layout or [1] * num_hidden_layers
        windows = sliding_window_layout or [0] * num_hidden_layers
        self.layer_types = ["sliding_attention" if window else "full_attention" for window in windows]
        self.sliding_window = sliding_window_size if any(windows) else None
        self.rope_parameters = dict(rope_type="default", rope_theta=rope_theta)
        self.rms_norm_eps, self.max_position_embeddings, self.vocab_size = rms_norm_eps, max_position_embeddings, vocab_size
        super().__init__(**rest)


class Norm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.config, self.layer = config, layer
        heads, kv_heads = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, heads, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, kv_heads, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, kv_heads, bias=False)
        self.o_proj = nn.Linear(heads, config.hidden_size, bias=False)

    def turn(self, x, positions):
        half = self.config.head_dim // 2
        base = self.config.rope_parameters["rope_theta"]
        angles = positions[:, None].to(x.dtype) * base ** (-torch.arange(half, dtype=torch.float32) / half).to(x.dtype)
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()), dim=-1)

    def forward(self, x, positions, cache):
        q, k, v = (proj(x).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
                   for proj in (self.q_proj, self.k_proj, self.v_proj))
        if self.config.rope_layout[self.layer]:
            q, k = self.turn(q, positions), self.turn(k, positions)
        k, v = cache.update(k, v, self.layer)
        shared = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        behind = positions[:, None] - torch.arange(positions[-1] + 1 - k.shape[2], positions[-1] + 1)[None]
        seen = behind >= 0
        if self.config.layer_types[self.layer] == "sliding_attention":
            seen &= behind < self.config.sliding_window
        scores = (q @ k.transpose(2, 3) * self.config.head_dim ** -0.5).masked_fill(~seen, -torch.inf)
        return self.o_proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class PrimaryRouter(nn.Linear):
    """Outputs as transformers' routers have them: all, then weights and numbers of those chosen."""

    def __init__(self, config):
        super().__init__(config.hidden_size, config.num_experts, bias=False)
        self.top_k, self.softmax = config.num_experts_per_tok, config.moe_primary_router_apply_softmax

    def forward(self, x):
        logits = super().forward(x)
        best, chosen = logits.topk(self.top_k, dim=-1)
        weights = best.softmax(-1) if self.softmax else best.sigmoid()
        return logits, weights / weights.sum(-1, keepdim=True), chosen


class Experts(nn.Module):
    def __init__(self, config):
        super().__init__()
        experts, width, n_ff = config.num_experts, config.hidden_size, config.moe_intermediate_size
        self.gate_up_proj = nn.Parameter(torch.zeros(experts, 2 * n_ff, width))
        self.down_proj = nn.Parameter(torch.zeros(experts, width, n_ff))

    def forward(self, x, weights, chosen):
        out = torch.zeros_like(x)
        for expert in range(self.down_proj.shape[0]):
            rows, place = (chosen == expert).nonzero(as_tuple=True)
            gate, up = (x[rows] @ self.gate_up_proj[expert].T).chunk(2, dim=-1)
            out.index_add_(0, rows, (gate.relu() * up) @ self.down_proj[expert].T * weights[rows, place, None])
        return out


class Layer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.input_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config, layer)
        self.block_sparse_moe = nn.ModuleDict({"primary_router": PrimaryRouter(config), "experts": Experts(config)})

    def forward(self, x, positions, cache):
        _, weights, chosen = self.block_sparse_moe["primary_router"](x[0])
        x = x + self.self_attn(self.input_layernorm(x), positions, cache)
        return x + self.block_sparse_moe["experts"](self.post_attention_layernorm(x)[0], weights, chosen)[None]


class SmallThinkerForCausalLM(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = nn.ModuleDict({
            "embed_tokens": nn.Embedding(config.vocab_size, config.hidden_size),
            "layers": nn.ModuleList([Layer(config, i) for i in range(config.num_hidden_layers)]),
            "norm": Norm(config.hidden_size, config.rms_norm_eps)})
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, ids, past_key_values):
        before = past_key_values.get_seq_length()
        positions = torch.arange(before, before + ids.shape[1])
        x = self.model["embed_tokens"](ids)
        for layer in self.model["layers"]:
            x = layer(x, positions, past_key_values)
        head = self.model["embed_tokens"].weight if self.config.tie_word_embeddings else self.lm_head.weight
        return types.SimpleNamespace(logits=self.model["norm"](x) @ head.T)
