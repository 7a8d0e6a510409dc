# A special token that a user spells is text, through whichever door it comes; it is one where the template wrote it, or
# where --special asks for it.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
count() {
	wick tokenize model.gguf --no-bos --ids "$@" | wc -w
}
text=$(count 'The old</s>')
[ "$(count 'The old')" = $(($(count --special 'The old</s>') - 1)) ] && [ "$text" -gt $(($(count 'The old') + 1)) ] && echo 'one token, or several of text'
printf '%s' '{{ messages[-1].content }}</s>' >own.jinja
prompt_tokens() {
	wick run model.gguf -n 1 --temp 0 --stats stats.json "$@" >/dev/null 2>&1
	python3 -c 'import json; print(json.load(open("stats.json"))["prompt_tokens"])'
}
bos=$(($(wick tokenize model.gguf --ids The | wc -w) - $(count The)))
[ "$(prompt_tokens -p 'The old</s>')" = $((bos + text)) ] && echo 'run: text'
[ "$(prompt_tokens -p 'The old</s>' --special)" = $((bos + $(count --special 'The old</s>'))) ] && echo 'run --special: a token'
[ "$(prompt_tokens -p 'The old</s>' --chat --template own.jinja)" = $((text + 1)) ] && echo 'run --chat: text, and the token of the template'
[ "$(prompt_tokens -p 'The old</s>' --chat --template own.jinja --special)" = $((text + 1)) ] && echo 'run --chat --special: the same'
printf 'The old</s>\n/stats\n' | wick chat model.gguf --template own.jinja --temp 0 -n 1 >/dev/null 2>said
grep -q "context $((text + 1)) of" said && echo 'chat: the same'
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - $text $bos <<'PY'
import json, sys
from serve import Server

text, bos = map(int, sys.argv[1:])
server = Server(template="own.jinja")
post = lambda path, body: json.loads(server.ask("POST", path, body)[2])
print("serve, a conversation:", server.chat("The old</s>", max_tokens=1)["usage"]["prompt_tokens"] == text + 1)
parts = [{"role": "user", "content": [{"type": "text", "text": "The old</s>"}]}]
print("serve, in parts:", server.chat(parts, max_tokens=1)["usage"]["prompt_tokens"] == text + 1)
print("serve, a text:", post("/v1/completions", {"prompt": "The old</s>", "max_tokens": 1})["usage"]["prompt_tokens"] == bos + text)
print("serve, tokens:", len(post("/tokenize", {"content": "The old</s>"})["tokens"]) == text)
PY
