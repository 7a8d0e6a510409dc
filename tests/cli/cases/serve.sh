# Answers over HTTP: those of wick run, whole and streamed, with all that a client may ask for.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
wick run model.gguf --chat --template zephyr --temp 0 -n 12 -p 'The old man' >answer 2>/dev/null
wick run model.gguf --temp 0 -n 12 -p 'The old man' >goes-on 2>/dev/null
wick run model.gguf --temp 0.9 --top-p 1 --seed 7 -n 12 -p 'The old man' >seed-7 2>/dev/null
wick tokenize model.gguf -p 'The old man' --json >ids.json 2>/dev/null
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json, math, os, re
from serve import Server, text_of

server = Server()
print("model:", server.model)
read = lambda name: open(name).read()[:-1]

answer = server.chat("The old man", max_tokens=12)
choice, usage = answer["choices"][0], answer["usage"]
print("as wick run:", text_of(answer) == read("answer"), choice["finish_reason"], choice["message"]["role"], answer["object"])
print("streamed:", server.stream("The old man", max_tokens=12)[:2] == (text_of(answer), choice["finish_reason"]))
print("12.0 tokens:", text_of(server.chat("The old man", max_tokens=12.0, n=1.0)) == text_of(answer))
print("null is nothing:", text_of(server.chat("The old man", max_tokens=12, stop=None, n=None, tools=None, logprobs=None, seed=None, stream_options=None)) == text_of(answer),
      len(server.events("/v1/chat/completions", {"messages": [{"role": "user", "content": "The old man"}], "max_tokens": 2, "stream_options": {"include_usage": None}})) > 2)
print("max_completion_tokens:", text_of(server.chat("The old man", max_completion_tokens=12)) == text_of(answer))
parts = [{"role": "user", "content": [{"type": "text", "text": "The old man"}]}]
print("in parts:", text_of(server.chat(parts, max_tokens=12)) == text_of(answer))
print("tokens add up:", usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"], usage["completion_tokens"])
print("figures:", sorted(usage["wick"]))

more = [{"role": "user", "content": "The old man"}, {"role": "assistant", "content": text_of(answer)},
        {"role": "user", "content": "and the sea"}]
second = server.chat(more, max_tokens=8)
print("the prefix was there:", second["usage"]["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"])

complete = lambda **fields: json.loads(server.ask("POST", "/v1/completions", {"prompt": "The old man", "max_tokens": 12, **fields})[2])
print("goes on:", complete(temperature=0)["choices"][0]["text"] == read("goes-on"))
seeded = complete(temperature=0.9, seed=7)["choices"][0]["text"]
print("by seed:", seeded == read("seed-7"), seeded != complete(temperature=0.9, seed=8)["choices"][0]["text"])
print("16 tokens, where nothing is said:", complete(max_tokens=None)["usage"]["completion_tokens"])
events = server.events("/v1/completions", {"prompt": "The old man", "max_tokens": 12, "temperature": 0})
text = "".join(json.loads(event)["choices"][0]["text"] for event in events[:-1])
print("streamed:", text == read("goes-on"), events[-1], "usage" in json.loads(events[0]))

post = lambda path, body: json.loads(server.ask("POST", path, body)[2])
ids = post("/tokenize", {"content": "The old man", "add_special": True})["tokens"]
print("tokens:", post("/detokenize", {"tokens": post("/tokenize", {"content": "The old man"})["tokens"]}))
print("of tokens:", complete(prompt=ids, temperature=0)["choices"][0]["text"] == read("goes-on"))
print("stop:", complete(temperature=0, stop=[" and"])["choices"][0]["text"] == read("goes-on").split(" and")[0],
      complete(temperature=0, stop=" and")["choices"][0]["finish_reason"])
print("stopped by:", complete(temperature=0, stop=["the end", " and"])["choices"][0]["stop_reason"],
      server.chat("The old man", max_tokens=12, stop=text_of(answer)[-3:])["choices"][0]["stop_reason"] == text_of(answer)[-3:],
      complete(temperature=0)["choices"][0]["stop_reason"],
      json.loads(server.events("/v1/completions", {"prompt": "The old man", "max_tokens": 12, "temperature": 0,
                                                    "stop": " and"})[-2])["choices"][0]["stop_reason"])

probable = server.chat("The old man", max_tokens=3, logprobs=True, top_logprobs=20)["choices"][0]["logprobs"]["content"]
print("likeliest first:", all(token["top_logprobs"][0]["token"] == token["token"] for token in probable),
      all(sum(math.exp(top["logprob"]) for top in token["top_logprobs"]) < 1 for token in probable),
      "".join(token["token"] for token in probable) == text_of(server.chat("The old man", max_tokens=3)))
events = server.events("/v1/chat/completions", {"messages": more[:1], "temperature": 0, "max_tokens": 3, "logprobs": True, "top_logprobs": 20})
streamed = [token for event in events[:-1] for token in (json.loads(event)["choices"][0]["logprobs"] or {"content": []})["content"]]
print("streamed:", streamed == probable)
lists = complete(temperature=0, logprobs=2)["choices"][0]["logprobs"]
print("of a text:", sorted(lists), "".join(lists["tokens"]) == read("goes-on"), {len(tops) for tops in lists["top_logprobs"]},
      [read("goes-on")[at:at + len(token)] for at, token in zip(lists["text_offset"], lists["tokens"])] == lists["tokens"])
events = server.events("/v1/completions", {"prompt": "The old man", "max_tokens": 12, "temperature": 0, "logprobs": 2})
parts = [part for event in events[:-1] if (part := json.loads(event)["choices"][0]["logprobs"])]
print("streamed:", {name: sum((part[name] for part in parts), []) for name in lists} == lists)
print("without others:", set(complete(temperature=0, logprobs=0)["choices"][0]["logprobs"]["top_logprobs"]))
first = ids and post("/tokenize", {"content": probable[0]["token"]})["tokens"][-1]
print("never again:", probable[0]["token"] not in text_of(server.chat("The old man", max_tokens=3, logit_bias={str(first): -100})))
print("penalty:", server.chat("The old man", max_tokens=12, frequency_penalty=2)["choices"] != answer["choices"])
print("unknown fields:", text_of(server.chat("The old man", max_tokens=12, user="me", metadata={"a": 1}, store=True, tools=[], n=1,
                                              modalities=["text"], suffix="x", chat_template_kwargs={},
                                              response_format={"type": "text"}, model="model")) == text_of(answer))

print(server.ask("GET", "/health")[2])
models = json.loads(server.ask("GET", "/v1/models")[2])
print([model["id"] for model in models["data"]], json.loads(server.ask("GET", "/v1/models/model")[2])["object"])
props = json.loads(server.ask("GET", "/props")[2])
print(props["sessions"], props["ctx"], props["kv_positions"], props["arch"])
text = server.ask("GET", "/metrics")
kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text[2], re.M))
print("named as Prometheus wants:", text[1]["Content-Type"], all(name.startswith("wick_") and name.endswith("_total") == (kind == "counter") for name, kind in kinds.items()),
      re.findall(r"^(\w+) [0-9.e+-]+$", text[2], re.M) == re.findall(r"^# HELP (\w+) [A-Z].*\.$", text[2], re.M) == list(kinds))
print("metrics:", server.metric("wick_requests_total") > 10, server.is_within_budget(),
      server.metric("wick_requests_processing"), server.metric("wick_requests_deferred"))
print(server.ask("HEAD", "/health")[0])
print("exit", server.end())

odd = os.fsdecode(b"m\xff-8m.gguf")
os.rename("model.gguf", odd)
server = Server(model=odd)
name = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["id"]
print("a name that is not UTF-8:", ascii(name), server.chat("The old man", max_tokens=12, model=name)["model"] == name,
      json.loads(server.ask("GET", "/props")[2])["model"] == name)
print("exit", server.end())
PY
