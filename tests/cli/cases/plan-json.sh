# The plan as JSON: sizes add up, and a time that was predicted on the way.
export XDG_CACHE_HOME=$PWD/cache
packed sharded-f16
wick plan model.gguf --mode hybrid --memory 1G --json >plan.json
python3 - <<'PY'
import json
plan = json.load(open("plan.json"))
parts = ("process", "metadata", "vector", "kv", "activation", "staging", "resident")
print("adds up:", sum(plan[part + "_bytes"] for part in parts) == plan["total_bytes"] <= plan["budget_bytes"])
print("predicted:", plan["predicted_ms_per_token"], "computing:", plan["predicted_compute_ms"] > 0, plan["profile"])
PY
wick plan model.gguf --memory 1G | tail -n 3 | sed 's/[0-9][0-9.]*/N/g'
# Random weights fire more than what is assumed, unless a trace says which neurons do.
wick pack synthetic:opt-tiny -o tiny.gguf 2>/dev/null
wick plan tiny.gguf --memory 1G | tail -n 2
wick plan tiny.gguf --memory 1G --json | grep random
wick trace synth --like tiny.gguf --tokens 8 -o tiny.trace 2>/dev/null
wick plan tiny.gguf --memory 1G --trace tiny.trace | grep random
wick run tiny.gguf -p a -n 1 2>&1 >/dev/null | grep random
wick plan model.gguf --memory 1G --json | grep random
# ReLU gates can be packed in two ways: the plan of either file says what the other would take.
wick pack synthetic:llama-small -o together.gguf 2>/dev/null
wick pack synthetic:llama-small -o apart.gguf --predictor gate 2>/dev/null
for file in together apart; do
	wick plan $file.gguf --memory 1G | grep Packed | sed 's/[0-9][0-9.]*/N/g'
	wick plan $file.gguf --memory 1G --json | grep -c repacked
done
