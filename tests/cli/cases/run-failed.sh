# A run that fails leaves no part of its files, and the figures of an earlier one as they were.
packed plain-f32
seq 1 300 >long
echo figures >stats.json

# failed TEXT WORD...: its text goes there; exit 1, what it says, and what is there
failed() {
	local text=$1
	shift

	env --default-signal=PIPE wick run model.gguf --temp 0 "$@" 2>said >"$text"
	echo "exit $?, $(grep ^wick said)"
	rm said
	ls
	cat stats.json
}

failed /dev/null -f long --ctx 64 --stats stats.json --logits logits
failed /dev/full -p a -n 20 --stats stats.json --logits logits
: >logits
failed /dev/null -f long --ctx 64 --stats new.json --logits logits
# A pipe stays. Who reads it goes away before the end, and that is what is told: not that the run was stopped by it.
mkfifo rows
head -c 1 rows >/dev/null &
failed /dev/null -p a -n 110 --stats stats.json --logits rows
