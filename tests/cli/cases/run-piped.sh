# Text that is piped in needs no -f -, and one newline at its end changes nothing.
packed plain-f32
printf 'the other' >bare.txt
echo 'the other' >line.txt
printf 'the other\n\n' >two.txt
: >empty.txt
write() {
	wick run model.gguf -n 8 --temp 0 --logits "$@" 2>said || tail -n 1 said
}
write wanted -p 'the other' >text
same() {
	local how=$1
	shift

	write got "$@" >got.txt
	cmp wanted got && cmp text got.txt && echo "$how: the same"
}
same "-f, no newline" -f bare.txt
same "-f, one newline" -f line.txt
same "-f -" -f - <line.txt
cat line.txt | same "piped"
same "redirected" <line.txt
same "--prompt" --prompt 'the other'
same "--text" --text line.txt --tokens 8
write got -f two.txt >/dev/null
cmp -s wanted got || echo "a second newline is text"
echo | write got
write got <empty.txt
# Nothing is taken from where nothing was put.
misuse run model.gguf </dev/null
# The same letters mean the same in other commands.
wick eval model.gguf -f two.txt -n 2 --json 2>/dev/null | grep '"tokens"'
wick bench model.gguf -n 3 --json 2>/dev/null | grep '"tokens"'
