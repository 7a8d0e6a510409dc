# A logit bias makes a token the only one, or never chosen; several are added up. What is no bias, or of no token, is refused.
packed plain-f32
wick tokenize model.gguf --no-bos --json -p 'the oil' >tokens.json
id=$(python3 -c 'import json; print(json.load(open("tokens.json"))["ids"][-1])')
text() {
	wick run model.gguf -p 'the thing' -n 4 --temp 0 --json "$@" 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["text"])'
}
python3 -c 'import json; print(json.load(open("tokens.json"))["pieces"][-1] * 4)' >four
text --logit-bias "$id+1000" | cmp - four && echo "four of token $id"
text --logit-bias "$id+1000" --logit-bias "$id-inf" | grep -c "$(head -c 3 four)"
text --logit-bias "$id+1000" "$id-1000" 3+0 >both
text | cmp - both && echo 'as without'
for word in x "$id" "$id*2" "$id+" "$id+nan" "$id+inf" "-1+2" '+1' "$id+1x" '4294967296+1'; do
	expect 2 wick run model.gguf -p x --logit-bias "$word"
done
expect 1 wick run model.gguf -p x -n 1 --logit-bias 100000+1
