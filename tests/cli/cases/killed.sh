# Killed at any moment, pack and train leave the old file or the new one under its name. WICK_EXHAUSTIVE=1 kills 50 times
# each.
packed plain-f32
rounds=${WICK_EXHAUSTIVE:+50}
mv model.gguf old
wick pack src -o new --type bf16 2>/dev/null
sum_old=$(cksum <old) sum_new=$(cksum <new)

# killed MOST COMMAND...: after some time, up to so many milliseconds
killed() {
	local pid most=$1
	shift

	"$@" >/dev/null 2>&1 &
	pid=$!
	sleep 0.$(printf %03d $((RANDOM % most)))
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
}

for ((i = 0; i < ${rounds:-20}; i++)); do
	cp old out.gguf
	killed 60 wick pack src -o out.gguf --type bf16
	sum=$(cksum <out.gguf)
	[ "$sum" = "$sum_old" ] || [ "$sum" = "$sum_new" ] || echo "pack, round $i: neither the old file nor the new one"
	wick verify out.gguf >/dev/null || echo "pack, round $i: broken"
	rm -f out.gguf.*.part
done
wick pack src -o out.gguf --type bf16 2>/dev/null && [ "$(cksum <out.gguf)" = "$sum_new" ] && echo "packed in the end"

rm -r src
fixture sharded-f16
wick pack src -o model.gguf 2>/dev/null
seq 1 30000 >numbers
train="wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1"
$train >/dev/null 2>&1
sum_new=$(cksum <model.pred.gguf)
for ((i = 0; i < ${rounds:-8}; i++)); do
	rm -f model.pred.gguf
	killed 900 $train
	[ ! -e model.pred.gguf ] || [ "$(cksum <model.pred.gguf)" = "$sum_new" ] || echo "train, round $i: another file"
	rm -f model.pred.gguf.*.part
done
$train >/dev/null 2>&1 && [ "$(cksum <model.pred.gguf)" = "$sum_new" ] && echo "trained in the end"
ls
