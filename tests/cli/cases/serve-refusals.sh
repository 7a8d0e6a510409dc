# Requests that are not served: the status, one sentence, the field. The server goes on after each.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json
from serve import Server, raw, text_of

server = Server()
hello = [{"role": "user", "content": "hello"}]
before = text_of(server.chat(hello, max_tokens=4))

def show(status, headers, text):
    error = json.loads(text)["error"]
    print(status, error["type"], error["param"], error["code"], "|", error["message"])

def refused(body, path="/v1/chat/completions", method="POST", **headers):
    show(*server.ask(method, path, body, **headers))

def chat(**fields):
    refused({"messages": hello, **fields})

def message(value):
    refused({"messages": [value]})

print("bodies:")
for body in "", "{", "[]", "null", '{"messages": [], "messages": []}', '{"a": "\\u0000"}', "[" * 100, '{"a": [' + "1," * 70000 + "1]}", b'{"a": "\xff"}':
    refused(body)
refused({"messages": hello, "padding": "x" * (1 << 20)})
refused({"messages": hello}, Content_Type="text/plain")
refused({"messages": hello}, Content_Type="application/x-www-form-urlencoded")
print("messages:")
for value in {}, {"messages": None}, {"messages": []}, {"messages": "hello"}, {"messages": {"role": "user"}}:
    refused(value)
message("hello")
message({"content": "hello"})
message({"role": "king", "content": "hello"})
message({"role": "user"})
message({"role": "user", "content": 5})
message({"role": "user", "content": ["hello"]})
message({"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,"}}]})
message({"role": "user", "content": "x " * 600})
print("fields:")
for name, value in (
        ("model", "gpt-4"), ("model", 4), ("stream", "yes"), ("stream_options", []), ("stream_options", {"include_usage": True}),
        ("max_tokens", 0), ("max_tokens", -1), ("max_tokens", 1.5), ("max_tokens", 1 << 40), ("max_completion_tokens", "all"),
        ("temperature", -0.1), ("temperature", 3), ("temperature", "hot"), ("top_p", 1.1), ("top_k", -1), ("min_p", 2),
        ("presence_penalty", 5), ("frequency_penalty", -3), ("seed", "x"), ("seed", 0.5), ("stop", ""), ("stop", [1]), ("stop", ["x"] * 17),
        ("logit_bias", []), ("logit_bias", {"x": 1}), ("logit_bias", {"99999": 1}), ("logit_bias", {"5": 200}), ("logprobs", 5),
        ("top_logprobs", 5), ("top_logprobs", 21), ("n", 2), ("tools", [{"type": "function"}]), ("tool_choice", "required"),
        ("functions", [{}]), ("response_format", {"type": "json_object"}), ("response_format", {"type": "json_schema"}),
        ("response_format", "json"), ("reasoning_effort", "high"), ("stream_options", {"include_usage": 1}), ("modalities", ["text", "audio"]),
        ("modalities", "text"), ("web_search_options", {}), ("chat_template_kwargs", {"enable_thinking": False}), ("grammar", "root ::= x"),
        ("json_schema", {"type": "object"}), ("guided_json", {}), ("guided_regex", "x"), ("structured_outputs", {"choice": ["a"]}), ("n", 1.5)):
    chat(**{name: value})
print("texts and tokens:")
for path, body in (
        ("/v1/completions", {}), ("/v1/completions", {"prompt": ["a", "b"]}),
        ("/v1/completions", {"prompt": [1, -2]}), ("/v1/completions", {"prompt": [1, 99999]}), ("/v1/completions", {"prompt": [1, "a"]}),
        ("/v1/completions", {"prompt": [5] * 512}), ("/v1/completions", {"prompt": "a", "echo": True}),
        ("/v1/completions", {"prompt": "a", "suffix": "b"}), ("/v1/completions", {"prompt": "a", "suffix": "none"}),
        ("/v1/completions", {"prompt": "a", "logprobs": 21}), ("/v1/completions", {"prompt": "a", "grammar": "root ::= x"}), ("/v1/completions", {"prompt": "a", "best_of": 2}),
        ("/tokenize", {}), ("/detokenize", {"tokens": "a"})):
    refused(body, path)
print("a stream says so before it begins:")
show(*server.ask("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "x " * 600}], "stream": True}))
print("paths:")
refused(None, "/v1/nothing", "GET")
refused(None, "/v1/chat/completions", "GET")
refused({}, "/v1/models", "POST")
refused(None, "/v1/models/other", "GET")
print("no HTTP:", raw(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").split("\r\n")[0][:12])
print("a header without end:", raw(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000).split("\r\n")[0][:12])
counted = server.metric("wick_requests_refused_total")
refused("{")
refused({}, Content_Type="text/plain")
refused(None, "/v1/nothing", "GET")
refused({"messages": hello, "padding": "x" * (1 << 20)})
chat(n=2)
print("each is counted:", server.metric("wick_requests_refused_total") - counted)
print("still there:", text_of(server.chat(hello, max_tokens=4)) == before)
print("exit", server.end())
PY
