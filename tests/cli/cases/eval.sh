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
wick eval model.gguf --text "$fixture/text.txt" --ctx "$ctx" --tokens 50 2>/dev/null | grep -E '^(tokens|chunks)'
: >empty.txt
wick eval model.gguf --text empty.txt 2>&1 | tail -1
refuse eval model.gguf --text nowhere.txt
refuse eval model.gguf --text .
