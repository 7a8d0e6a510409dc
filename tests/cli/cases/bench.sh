# One row for the options given; with --ablation one for every way, each reading no more than those before it.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
wick bench model.gguf --mode naive --tokens 3 --json 2>/dev/null >one.json
wick bench model.gguf --ablation --memory 60% --ctx 64 --tokens 5 --json 2>/dev/null >all.json
wick bench model.gguf --ablation --memory 60% --ctx 64 --tokens 3 2>/dev/null | grep -oE '^[a-z]+ +[0-9]|^no row for [a-z]+' | sed 's/  .*//'
wick plan model.gguf --mode naive --json >plan.json
python3 - <<'PY'
import json
one, every, plan = (json.load(open(name + ".json")) for name in ("one", "all", "plan"))
print(sorted(every), sorted(every["left_out"]))
print(sorted(every["modes"][0]))
print([(row["name"], row["tokens"]) for row in one["modes"]], [(row["name"], row["tokens"]) for row in every["modes"]])
rows = {row["name"]: row for row in every["modes"]}
for row in every["modes"] + one["modes"]:
    assert row["ms_per_token"] > 0 and row["dram_bytes"] <= row["budget_bytes"], row
# Reads run on into the next token, as far as there is staging for them.
ahead = abs(one["modes"][0]["flash_bytes_per_token"] - plan["swept_bytes"])
print("naive reads what the plan says:", ahead <= plan["staging_bytes"])
flash = [rows[name]["flash_bytes_per_token"] for name in ("naive", "predictor", "window")]
print("in order:", flash == sorted(flash, reverse=True), every["model"])
PY

# With a trace of the model there is an order to measure, of which nothing is left behind.
cat "$WICK_SOURCE"/README.md "$WICK_SOURCE"/docs/*.md >text
wick trace record model.gguf --text text -o some.trace --tokens 400 2>/dev/null
ls >before
wick bench model.gguf --ablation --memory 100% --ctx 64 --trace some.trace --tokens 5 --json 2>/dev/null >traced.json
ls | grep -v -e traced.json | diff before -
python3 - <<'PY'
import json
every = json.load(open("traced.json"))
reads = {row["name"]: row["reads_per_token"] for row in every["modes"]}
print(list(reads), every["left_out"])
print("one read or two:", 1.5 * reads["bundling"] < reads["policy"])
print("neighbours:", reads["order"] < reads["bundling"], "gaps:", reads["gaps"] <= reads["order"])
PY
wick bench model.gguf --ablation --rows policy,naive --tokens 3 --json 2>/dev/null | grep '"name"'
misuse bench
misuse bench model.gguf --tokens 2
misuse bench model.gguf --ablation --rows naive,nave
misuse bench model.gguf --rows naive
refuse bench nowhere.gguf
refuse bench model.gguf --mode dense --ctx 64 --tokens 64
# A row is printed as soon as it is there: a signal after the first ends the table before the last.
mkfifo rows
env --default-signal=INT wick bench model.gguf --ablation --rows naive,hybrid,dense --tokens 400 --ctx 512 >rows 2>/dev/null &
while read -r first rest; do
	[[ $first != naive || $rest != [0-9]* ]] || kill -INT $!
	[ "$first" != interrupted: ] || echo "$first $rest"
done <rows
wait $!
echo "exit $?"
