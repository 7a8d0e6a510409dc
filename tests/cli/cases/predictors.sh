# Predictors that were trained are taken, and said to be; those of another model, damaged ones and what is no such file
# are refused, with one line, but not where nothing is predicted. A GELU model has none.
chosen() {
	wick run "$@" -p 'a b' -n 3 --seed 1 -v 2>&1 >/dev/null | grep -o -e 'mode .*' -e 'not prefetched: .*' -e '.*bundles.* prefetched.*' -e 'neurons chosen by .*' | sed 's/[0-9.]* [kM]*B/N/'
}

packed sharded-f16
cp model.gguf packed.gguf
seq 1 30000 >numbers
wick train model.gguf --text numbers --tokens 12288 --steps 5 --bytes 30% --ahead-bytes 15% --json >trained.json
chosen packed.gguf
chosen packed.gguf --mode dense
chosen model.gguf
chosen model.gguf --lookahead 0
wick plan model.gguf --json >plan.json
python3 - <<'PY'
import json
trained, plan = (json.load(open(name + ".json")) for name in ("trained", "plan"))
least = trained["predictors"]["bytes"] + trained["lookahead"]["bytes"]
print("in the budget:", least <= plan["predictor_bytes"] <= plan["total_bytes"] - plan["weight_bytes"])
PY

wick pack src -o other.gguf --type bf16 2>/dev/null
cp model.pred.gguf other.pred.gguf
refuse run other.gguf -p a | sed 's/(.*)/(...)/'
refuse plan other.gguf | sed 's/(.*)/(...)/'
chosen other.gguf --mode dense
flip model.pred.gguf 5000
refuse run model.gguf -p a
cp packed.gguf model.pred.gguf
refuse run model.gguf -p a
: >model.pred.gguf
refuse run model.gguf -p a
rm model.pred.gguf
mkdir model.pred.gguf
refuse run model.gguf -p a

edit_json src/config.json 'j["activation_function"] = "gelu"'
wick pack src -o gelu.gguf 2>/dev/null
refuse train gelu.gguf --text numbers
refuse run gelu.gguf -p a --mode sparse
