# The context of a run is as long as prompt and text may need: the KV cache takes no more of the budget, a smaller one
# works, and the answer is the same.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf --type f32 2>/dev/null
printf 'word %.0s' {1..230} >long.txt
write() {
	local out=$1
	shift

	wick run model.gguf --temp 0 --logits "$out.logits" --json "$@" >"$out.json" 2>"$out.said" || tail -n 1 "$out.said"
}
has() {
	python3 -c '
import json, sys
run = json.load(open(sys.argv[1]))
print(run["plan"]["ctx"], "tokens of context,", run["prompt_tokens"], "+", run["tokens"], "used, stop:", run["stop"])' "$1.json"
}
write short -p 'The old man' -n 20
has short
write given -p 'The old man' -n 20 --ctx 400
has given
cmp short.logits given.logits && echo "the same logits"
write text -f long.txt -n 20
has text
write full -f long.txt -n 4000 --memory 1G
has full
# More than all the memory there is.
wick run model.gguf -p a -n 1 --memory 99T 2>&1 >/dev/null | sed -n 's/free memory: .* GB/free memory: N GB/p'
wick plan model.gguf --memory 99T | sed -n 's/Free memory: .* GB/Free memory: N GB/p'
wick plan model.gguf --memory 99T | grep -c 'a run takes what it needs'
wick run model.gguf -p a -n 1 --memory 1G 2>&1 >/dev/null | grep 'free memory'
exit 0
