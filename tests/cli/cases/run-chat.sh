# A conversation by the model's own template, by one in a file, or by a form that is built in; without any, none is made up.
# This vocabulary has a token a byte, so that the length of a prompt tells which template was taken.
cp "$WICK_SOURCE/tests/golden/fixtures/stock/qwen2-linear-f32/model.gguf" .
says() {
	wick run model.gguf -p hi "$@" 2>&1 >/dev/null | tail -n 1
	echo "exit ${PIPESTATUS[0]}"
}
says --chat
says --chat --template nowhere.jinja
says --template chatml
prompt_tokens() {
	wick run model.gguf --chat -p hi -n 1 --temp 0 --stats stats.json --template "$1" >/dev/null 2>&1
	python3 -c 'import json; print(json.load(open("stats.json"))["prompt_tokens"])'
}
wanted='<|im_start|>user
hi<|im_end|>
<|im_start|>assistant
'
[ "$(prompt_tokens chatml)" = ${#wanted} ] && echo chatml
printf '%s' 'Q: {{ messages[0].content }} A:' >own.jinja
[ "$(prompt_tokens own.jinja)" = 8 ] && echo own.jinja
