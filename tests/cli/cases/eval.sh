# Perplexity agrees with transformers to four digits, by whatever mode and from wherever the text comes; --tokens ends it.
packed blocks-f16
fixture="$WICK_SOURCE/tests/golden/fixtures/blocks-f16"
ctx=$(python3 -c "import json; print(json.load(open('$fixture/perplexity.json'))['ctx'])")
for mode in dense naive; do
	wick eval model.gguf --text "$fixture/text.txt" --ctx "$ctx" --mode $mode --json >$mode.json 2>/dev/null
done
wick eval model.gguf --mode dense --text - --ctx "$ctx" --json <"$fixture/text.txt" >stdin.json 2>/dev/null
python3 - "$fixture/perplexity.json" <<'PY'
import json, sys
want = json.load(open(sys.argv[1]))
for name in ("dense", "naive", "stdin"):
    got = json.load(open(name + ".json"))
    assert all(got[key] == want[key] for key in ("ctx", "tokens", "chunks")), got
    off = abs(got["perplexity"] / want["perplexity"] - 1)
    print(name, "agrees" if off < 5e-5 else f"is off by {off}", got["mode"], got["type"])
print(sorted(got))
PY
wick eval model.gguf --text "$fixture/text.txt" --ctx "$ctx" --mode sparse --json 2>/dev/null | python3 -c '
import json, sys
got = json.load(sys.stdin)
for row in got["layers"] + [got]:
    assert 0 < row["recall"] <= 1 and 0 < row["precision"] <= 1 and 0.1 < row["active_share"] < 0.9, row
    assert abs(row["precision"] * row["predicted_per_active"] - row["recall"]) < 1e-6, row
least = min(row["recall"] for row in got["layers"])
print(len(got["layers"]), "layers, the worst is right:", got["worst_recall"] == least)'
wick eval model.gguf --text "$fixture/text.txt" --ctx "$ctx" --mode dense --tokens 50 2>/dev/null | grep -E '^(tokens|chunks)'
: >empty.txt
wick eval model.gguf --text empty.txt 2>&1 | tail -1
refuse eval model.gguf --text nowhere.txt
refuse eval model.gguf --text .
