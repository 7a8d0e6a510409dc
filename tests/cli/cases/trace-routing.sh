wick pack synthetic:moe-tiny,layers=3 -o moe.gguf --layout stock 2>/dev/null
wick trace synth -o t --routing olmoe --like moe.gguf --tokens 200 2>&1
wick trace stats t --like moe.gguf
wick trace stats t --json --capacity 25 --warm-up 50 | python3 -c '
import json, sys
j = json.load(sys.stdin)
print(j["synthetic"], j["preset"], j["tokens"], j["layers"], j["experts"], j["experts_chosen"], j["warm_up"])
print([(c["slots_share"], c["cycles"], list(c["hit_share"])) for c in j["caches"]])'
echo 'Call me Ishmael.' >text
wick trace record moe.gguf --text text -o r 2>&1
wick trace stats r --warm-up 2 --capacity 50 | head -n 1
wick run moe.gguf --trace t -p 'Call me' -n 4 --temp 0 --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["experts_active"])'
play() {
	wick run moe.gguf --memory 50% --ctx 64 --trace r -p 'Call me' -n 4 --temp 0 "$@" 2>/dev/null
}
play >replayed && play --policy stale | cmp - replayed && [ -s replayed ] && echo "by any policy the same"
wick trace synth -o other --routing qwen3-30b --layers 3 --tokens 4 2>&1
refuse run moe.gguf --trace other -p a
refuse trace stats other --like moe.gguf
refuse trace stats other --svg other.svg
packed plain-f32
wick trace synth -o neurons --like model.gguf --tokens 4 2>/dev/null
refuse run moe.gguf --trace neurons -p a
refuse trace stats t --like model.gguf
refuse trace synth -o x --routing olmo
refuse trace synth -o x --routing olmoe --ffn 4
refuse trace synth -o x --routing olmoe --experts 4
refuse trace synth -o x --routing olmoe --like model.gguf
refuse trace synth -o x --chosen 4
