# What cannot be said, and files that are no conversation of this model's.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
chat() {
	wick chat "$@" --temp 0 -n 4 2>said >/dev/null
	echo "exit $?, $(grep ^wick said)"
}
say() {
	printf '%s\n' "$@" | chat model.gguf --template zephyr
}
chat model.gguf </dev/null
chat model.gguf --template nowhere.jinja </dev/null
chat model.gguf --template zephyr </dev/null
say /bogus
say /regenerate
say /undo
say /stats
say /save
say '/undo that'
say '/save nowhere/kept.json'
say '/load nowhere.json'
say "$(seq -s ' ' 1 600)"
echo "files:"
say hello '/save kept.json'
echo '{"wick_chat": 1}' >none.json
say '/load none.json'
head -c 100 kept.json >cut.json
say '/load cut.json'
sed s/hello/hallo/ kept.json >damaged.json
say '/load damaged.json'
sed 's/"layers": [0-9]*/"layers": 99/' kept.json >other.json
say '/load other.json'
chat model.gguf --template zephyr --session other.json </dev/null
ls
