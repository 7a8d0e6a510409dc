# The same seed writes the same text, another one another; no temperature, no chance.
packed plain-f32
write() {
	wick run model.gguf -p 'the other' -n 24 "$@" 2>/dev/null
}
write --seed 1 --temp 2 >one
write --seed 1 --temp 2 >again
write --seed 2 --temp 2 >two
write --seed 1 --temp 0 >cold
write --seed 2 --temp 0 >colder
write --seed 1 --temp 2 --top-p 0 >likeliest
cmp one again && cmp cold colder && cmp cold likeliest
cmp -s one two && echo "two seeds, one text"
cmp -s one cold && echo "no chance at temperature 2"
exit 0
