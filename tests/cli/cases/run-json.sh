# --json has the text and what --stats has.
packed plain-f32
wick run model.gguf -p 'the other' -n 3 --seed 5 --json --stats stats.json >run.json 2>/dev/null
python3 - <<'PY'
import json
run, stats = json.load(open("run.json")), json.load(open("stats.json"))
text = run.pop("text")
print("alike:", run == stats, "text:", type(text).__name__)
print({key: run[key] for key in ("prompt_tokens", "tokens", "seed", "stop", "mode", "type", "arch")})
for key in sorted(run):
    print(key, "..." if key == "plan" else "")
for key in ("ms_per_token", "tokens_per_s", "peak_bytes", "budget_bytes"):
    assert run[key] > 0, key
PY
