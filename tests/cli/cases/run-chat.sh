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
# A packed model has its folder's template: the answer is the one that the same text as a file leads to.
packed plain-f32
answer() {
	wick run model.gguf --chat -p 'the oil' -n 8 --temp 0 "$@" 2>/dev/null
}
printf '%s' '{{ messages[0].content }} the wick' >src/chat_template.jinja
answer --template src/chat_template.jinja >wanted
[ -s wanted ] && answer | cmp -s - wanted || echo 'no template before it is packed'
wick pack src -o model.gguf 2>/dev/null
answer | cmp - wanted && echo 'the template of the folder'
