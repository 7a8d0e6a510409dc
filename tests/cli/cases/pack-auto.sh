# The cost model chooses where ReLU gates are: the file is the one that it says is sooner in the budget that runs will have.
grep -qa -e __asan_init -e __tsan_init "$(command -v wick)" && { echo "a sanitizer's own memory is in no budget"; exit 77; }
export XDG_CACHE_HOME=$PWD/cache
mkdir cache
wick pack synthetic:llama-small -o apart.gguf --predictor gate 2>/dev/null
least=$(($(smallest_budget apart.gguf) + 1300000))
wick pack synthetic:llama-small -o chosen.gguf --predictor auto --budget $least 2>&1 | grep known
wick plan chosen.gguf --memory 1G --json | grep -c gate_bytes
wick flashbench . --size 1M --chunks 4k,64k --depths 1,8 --seconds 0.05 --save-profile >/dev/null 2>&1
for budget in $least 1G; do
	wick pack synthetic:llama-small -o chosen.gguf --predictor auto --budget $budget 2>said
	grep With said | sed 's/[0-9][0-9.]*/N/g; s/[GM]B/B/'
	wick plan chosen.gguf --memory 1G --json >plan.json
	python3 - <<'PY'
import json, re
apart, together = (float(ms) for ms in re.findall(r"([0-9.]+) ms", open("said").read()))
print("as said:", apart == together or (apart < together) == ("gate_bytes" in json.load(open("plan.json"))))
PY
done
refuse pack synthetic:llama-small -o none --budget 1G
refuse pack synthetic:llama-small -o none --predictor gate --budget 1G
refuse pack synthetic:opt-tiny -o none --predictor auto
wick pack synthetic:llama-small -o least.gguf --predictor auto --budget 1M 2>&1 | sed 's/[0-9][0-9.]*/N/g'
