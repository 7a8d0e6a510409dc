wick trace synth -o t --tokens 400 --layers 2 --ffn 512 --seed 3 2>&1
wick trace stats t
wick trace stats t --json --capacity 25 --warm-up 100 | python3 -c '
import json, sys
j = json.load(sys.stdin)
print(j["synthetic"], j["tokens"], j["layers"], j["n_ff"], j["warm_up_tokens"], [d["tokens"] for d in j["distinct"]][-1])
print([p["name"] for p in j["capacities"][0]["policies"]])'
packed plain-f32
wick trace synth -o like --like model.gguf --tokens 40 --active 0.3 2>&1
wick trace stats like --like model.gguf --capacity 100 | grep -A 3 MB
cp t cut
cut_file cut 1000
cp t flipped
flip flipped 1000
refuse trace stats cut
refuse trace stats flipped
refuse trace stats t --warm-up 400
refuse trace stats t --like model.gguf
refuse trace stats missing
refuse trace synth -o missing/t --tokens 1 --layers 1 --ffn 10
echo "recorded:"
echo 'Call me Ishmael.' >text
wick trace record model.gguf --text text -o r --tokens 10 --memory 256M 2>&1
wick trace stats r --like model.gguf --warm-up 2 --capacity 100 | head -n 1
wick trace record model.gguf --text text -o again --tokens 10 --memory 256M --threads 2 2>/dev/null
cmp r again
: >empty
refuse trace record model.gguf --text empty -o none
refuse trace record model.gguf --text missing -o none
refuse trace record model.gguf --text text -o none --ctx 1
refuse trace record missing --text text -o none
