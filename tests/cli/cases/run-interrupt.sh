# The logits go into a pipe that holds about half of them, so the run cannot end before they are taken out: what is
# written by then was written as it was generated, and the signal comes in the middle.
packed plain-f32
mkfifo rows
for signal in INT TERM HUP; do
	env --default-signal=INT,HUP wick run model.gguf -p a -n 110 --temp 0 --logits rows --stats stats.json >text 2>said &
	exec 3<rows
	until [ -s text ] || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
	kill -$signal $!
	cat <&3 >rest
	exec 3<&-
	wait $!
	echo "exit $?"
	tail -n 1 said | sed 's/[0-9.]\+/N/g'
	python3 -c 'import json; run = json.load(open("stats.json")); print(run["stop"], 0 < run["tokens"] < 110)'
done
# Nobody reads the text any more: the same, but that is a failure.
mkfifo words
env --default-signal=PIPE wick run model.gguf -p a -n 110 --temp 0 --logits rows >words 2>said &
exec 4<words 3<rows
head -c 1 <&4 >/dev/null
exec 4<&-
cat <&3 >rest
exec 3<&-
wait $!
echo "exit $?"
grep ^wick said
ls
# A prompt of several batches ends before the next one. What fails after that is told as itself, not as what the signal was.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
seq 1 130 >long
env --default-signal=INT wick run model.gguf -f long --logits rows --stats /dev/full >/dev/null 2>said &
exec 3<rows
head -c 1 <&3 >/dev/null
kill -INT $!
cat <&3 >rest
exec 3<&-
wait $!
echo "exit $?, $(grep ^wick said)"
