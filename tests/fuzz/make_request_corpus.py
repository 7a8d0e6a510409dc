#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the corpus of requests: sound ones of each kind, with every field, and headers."""
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "request"
HELLO = [{"role": "user", "content": "hello"}]
SEEDS = {
    "chat": {"messages": HELLO},
    "chat-all": {"model": "model", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 5,
                 "max_completion_tokens": 6, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "typical_p": 0.9,
                 "repeat_penalty": 1.1, "presence_penalty": 1, "frequency_penalty": -1, "ignore_eos": True,
                 "logit_bias": {"5": -100, "999": 3.5}, "seed": -1, "stop": ["a", "b"], "logprobs": True, "top_logprobs": 3, "n": 1,
                 "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "user": None},
    "chat-roles": {"messages": [{"role": "developer", "content": "a"}, {"role": "user", "content": [
        {"type": "text", "text": "b"}, {"type": "text", "text": "c"}]}, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "content": "d", "tool_call_id": "1"}]},
    "chat-image": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
    "text": {"prompt": "The old man", "max_tokens": 3, "stop": "x", "logprobs": 2, "best_of": 1, "echo": False, "suffix": ""},
    "text-ids": {"prompt": [[1, 2, 999]]},
    "tokenize": {"content": "text \u00e9", "add_special": True},
    "detokenize": {"tokens": [0, 1, 999]},
    "beyond": {"messages": HELLO, "temperature": 1e308, "max_tokens": 2**53, "seed": 2**62, "logit_bias": {"1000": 1}},
}
TEXTS = {
    "deep": '{"messages":' + "[" * 40, "open": '{"messages": "', "escape": '{"a": "\\', "empty": "", "array": "[]",
    "twice": '{"prompt": "a", "prompt": "b"}', "bearer": "Bearer key", "host": "localhost:8080", "number": "127.0.0.1:80",
    "six": "[::1]:80", "page": "http://localhost",
}

FOLDER.mkdir(parents=True, exist_ok=True)
for name, body in SEEDS.items():
    (FOLDER / name).write_text(json.dumps(body))
for name, text in TEXTS.items():
    (FOLDER / name).write_text(text)
