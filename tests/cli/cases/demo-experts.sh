# The demo model with experts answers as transformers does, from the file as it lies, in every budget; and its router's choices,
# recorded, can be played back.
cp "$WICK_SOURCE/tools/demo-model/moe-16m.gguf" model.gguf
fixture="$WICK_SOURCE/tests/golden/fixtures/demo-experts.json"
python3 - "$fixture" <<'PY'
import json, subprocess, sys
wick = lambda *words: subprocess.run(["wick", *map(str, words)], capture_output=True, check=True, text=True).stdout
want = json.load(open(sys.argv[1]))
open("text", "w").write(want["text"])
got = json.loads(wick("eval", "model.gguf", "--text", "text", "--json"))
off = abs(got["perplexity"] / want["perplexity"] - 1)
print(got["tokens"] == want["tokens"], "perplexity", "agrees" if off < 0.005 else f"is off by {off}")
for answer in want["answers"]:
    told = wick("run", "model.gguf", "-p", answer["prompt"], "-n", want["new_tokens"], "--temp", 0)
    print(told.rstrip("\n") == answer["text"] or told)
least = json.loads(wick("plan", "model.gguf", "--ctx", 256, "--json"))
least = least.get("plan", least)["minimum_bytes"]
ways = [["--memory", least + (1 << 20)], ["--memory", "50%"], ["--memory", "80%", "--threads", 1], ["--memory", "80%", "--policy", "lru"]]
texts = {wick("run", "model.gguf", "--ctx", 256, "-p", "The old man", "-n", 60, "--seed", 1, *way) for way in ways}
print(len(texts), "text")
PY
wick trace record model.gguf --text text -o t 2>/dev/null
wick trace stats t --like model.gguf --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
print(j["layers"], j["experts"], j["experts_chosen"], j["synthetic"])
for cache in j["caches"]:
    hits = cache["hit_share"]
    assert all(hits["belady"] >= share for share in hits.values()), cache'
wick run model.gguf --trace t -p 'The old man' -n 8 --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["experts_active"])'
