# Killed at any moment, pack, in natural order or another, train and import leave the old file or the new one under its
# name. Nothing is beside it where files can be without a name; but for the moment in which a file that is complete has
# its temporary name and not yet its own.
# WICK_EXHAUSTIVE=1 kills 50 times each.
packed plain-f32
rounds=${WICK_EXHAUSTIVE:+50}
mv model.gguf old
sum_old=$(cksum <old)

nameless=$(python3 -c 'import os; os.open(".", os.O_TMPFILE | os.O_WRONLY); print("yes")' 2>/dev/null)

# tidy NAME ROUND SUM FILE: removes what is left beside it, which is to be complete
tidy() {
	local left

	for left in "$4".*.part; do
		[ -e "$left" ] || continue
		[ -z "$nameless" ] || [ "$(cksum <"$left")" = "$3" ] || echo "$1, round $2: $left is left"
		rm "$left"
	done
}

# Sets `most` to the milliseconds that a command takes, and a tenth: kills come at any moment of it.
time_of() {
	local begun=$(date +%s%N)

	"$@" >/dev/null 2>&1
	most=$((($(date +%s%N) - begun) * 11 / 10000000 + 1))
}

# killed COMMAND...
killed() {
	local pid after=$((RANDOM % most))

	"$@" >/dev/null 2>&1 &
	pid=$!
	sleep $(printf %d.%03d $((after / 1000)) $((after % 1000)))
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
}

# kill_often NAME ROUNDS COMMAND...: which writes out.gguf
kill_often() {
	local name=$1 rounds=$2 i sum
	shift 2

	time_of "$@"
	sum_new=$(cksum <out.gguf)
	for ((i = 0; i < rounds; i++)); do
		cp old out.gguf
		killed "$@"
		sum=$(cksum <out.gguf)
		[ "$sum" = "$sum_old" ] || [ "$sum" = "$sum_new" ] ||
			echo "$name, round $i: neither the old file nor the new one"
		wick verify out.gguf >/dev/null || echo "$name, round $i: broken"
		tidy "$name" $i "$sum_new" out.gguf
	done
	"$@" 2>/dev/null && [ "$(cksum <out.gguf)" = "$sum_new" ] && echo "$name: done in the end"
}

kill_often pack "${rounds:-20}" wick pack src -o out.gguf --type bf16
wick trace synth --like old --tokens 64 -o some.trace 2>/dev/null
kill_often order "${rounds:-10}" wick pack old --order coactivation --trace some.trace -o out.gguf

rm -r src
fixture sharded-f16
wick pack src -o model.gguf 2>/dev/null
seq 1 30000 >numbers
train="wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1"
time_of $train
sum_new=$(cksum <model.pred.gguf)
for ((i = 0; i < ${rounds:-8}; i++)); do
	rm -f model.pred.gguf
	killed $train
	[ ! -e model.pred.gguf ] || [ "$(cksum <model.pred.gguf)" = "$sum_new" ] || echo "train, round $i: another file"
	tidy train $i "$sum_new" model.pred.gguf
done
$train >/dev/null 2>&1 && [ "$(cksum <model.pred.gguf)" = "$sum_new" ] && echo "train: done in the end"

import="wick train model.gguf --import $WICK_SOURCE/tests/unit/fixtures/powerinfer/odd"
mv model.pred.gguf trained
time_of $import
sum_imported=$(cksum <model.pred.gguf)
for ((i = 0; i < ${rounds:-20}; i++)); do
	cp trained model.pred.gguf
	killed $import
	sum=$(cksum <model.pred.gguf)
	[ "$sum" = "$sum_new" ] || [ "$sum" = "$sum_imported" ] || echo "import, round $i: neither the old file nor the new one"
	tidy import $i "$sum_imported" model.pred.gguf
done
$import >/dev/null && [ "$(cksum <model.pred.gguf)" = "$sum_imported" ] && echo "import: done in the end"
ls
