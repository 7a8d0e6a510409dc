# A conversation through a pipe: answers on standard output, all else on standard error, and no answer depends on what was
# evaluated before it and is still there.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
chat() {
	wick chat model.gguf --template zephyr --temp 0 --ignore-eos -n 12 "$@" 2>said
}
echo "as wick run:"
wick run model.gguf --chat --template zephyr --temp 0 --ignore-eos -n 12 -p 'The old man' 2>/dev/null >answer
echo 'The old man' | chat | cmp - answer && echo same
echo "two messages, one of two lines, and the second answer again by itself:"
printf 'The old man\\\nlooked at the sea\nand then\n/save kept.json\n/stats\n' | chat >both
grep -o 'context.*' said
printf '/load kept.json\n/regenerate\n' | chat >second
tail -c "$(wc -c <second)" both | cmp - second && echo same
python3 - <<'PY'
import json, os
kept = json.load(open("kept.json"))
print([(m["role"], m["content"] if m["role"] == "user" else len(m["content"]) > 0) for m in kept["messages"]])
print(oct(os.stat("kept.json").st_mode & 0o777))
PY
echo "undone, and said once more:"
printf 'The old man\\\nlooked at the sea\nand then\n/undo\nand then\n' | chat >again
cat second >>both
cmp both again && echo same
echo "the system message:"
printf '/system Be brief.\n/system\nhello\n/save s.json\n' | chat >/dev/null
grep -x 'Be brief.' said
chat --system 'Be brief.' --session s2.json <<<hello >/dev/null
cmp s.json s2.json && echo same
echo "gone on with:"
printf 'more\n' | chat --session s2.json >/dev/null
python3 -c 'import json; print([m["role"] for m in json.load(open("s2.json"))["messages"]])'
echo "what was computed is kept:"
long=$(printf 'and the sea looked at him %.0s' 1 2 3 4 5 6 7 8 9 10 11 12)
printf '%s\nmore\n' "$long" | chat --ctx 400 >whole
printf '%s\n' "$long" | chat --ctx 400 --session kv.json >first
stat -c %a kv.json.kv
cp kv.json.kv right.kv
goes_on() {
	cp kv.json "$1.json"
	[ ! -e "$1.kv" ] || mv "$1.kv" "$1.json.kv"
	printf 'more\n/stats\n' | chat --ctx 400 --session "$1.json" "${@:2}" >second
	cat first second | cmp - whole && echo same
	grep -o '; [0-9]* of the last' said
	grep 'evaluated anew' said
}
goes_on none
cp right.kv a.kv
goes_on a
cp right.kv b.kv
flip b.kv 5000
goes_on b
echo "of other options, and cut:"
cp right.kv c.kv
goes_on c --kv-type q8_0 | grep -v same
head -c 3000 right.kv >d.kv
goes_on d
echo "nothing said, nothing lost:"
cp kv.json e.json
cp right.kv e.json.kv
chat --ctx 400 --session e.json </dev/null
cmp e.json.kv right.kv && cmp e.json kv.json && echo same
echo "a place where nothing can be kept of what was computed, and the text is:"
mkdir n.json.kv
printf '%s\n' "$long" | chat --ctx 400 --session n.json >third || echo "exit $?"
cmp first third && cmp n.json kv.json && grep 'n.json' said
ls -d n.json*
rmdir n.json.kv
printf 'more\n' | chat --ctx 400 --session n.json >second
cat first second | cmp - whole && echo same
echo "a context that is full:"
printf '%s\n' 'a b c d e f g h i j' 'k l m n o p q r s t' 'u v w x y z' '/save full.json' | chat --ctx 100 >full
tail -n +4 said | grep -v '^ *$'
python3 - <<'PY'
import json
# The last turn and the one before, as a file of their own: the last answer must be the same.
kept = json.load(open("full.json"))
text = lambda m: json.dumps(m, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
kept["messages"] = kept["messages"][2:]
total = 0xcbf29ce484222325
for byte in text(kept["messages"]).encode():
    total = (total ^ byte) * 0x100000001b3 % 2**64
kept["sum"] = f"{total:016x}"
json.dump(kept, open("left.json", "w"))
PY
printf '/load left.json\n/regenerate\n' | chat --ctx 100 >left
tail -c "$(wc -c <left)" full | cmp - left && echo same
