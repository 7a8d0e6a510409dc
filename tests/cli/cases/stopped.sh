# INT, TERM and HUP from outside while pack, order and train write: the old file stays under its name, nothing new beside
# it but the layers that train keeps. A command that was too fast for the signal is tried again.

# caught SIGNAL TEMPORARY COMMAND...: sends it when that file is there; what the command was doing then it goes on with.
caught() {
	local signal=$1 temporary=$2 pid status tries
	shift 2

	for ((tries = 0; tries < 20; tries++)); do
		env --default-signal=INT,HUP "$@" >said 2>&1 &
		pid=$!
		until compgen -G "$temporary" >/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
		kill -STOP $pid 2>/dev/null
		kill -$signal $pid 2>/dev/null
		kill -CONT $pid 2>/dev/null
		wait $pid
		status=$?
		[ $status = 0 ] || break
		restore
	done
	echo "$signal: exit $status, $(sed "s/\r.*\r//; s|$(pwd -P)/||" said)"
	rm said
}

# Puts the old file back.
restore() {
	cp old.gguf out.gguf
}

packed plain-f32
mv model.gguf old.gguf
rm -r src
restore
for signal in INT TERM HUP; do
	caught $signal 'out.gguf.*.part' wick pack synthetic:opt-125m --type q4_0 -o out.gguf
done
ls
cmp old.gguf out.gguf
wick pack synthetic:opt-125m --type q4_0 -o model.gguf 2>/dev/null
wick trace synth --like model.gguf --tokens 64 -o some.trace 2>/dev/null
for signal in INT TERM HUP; do
	caught $signal 'out.gguf.*.part' wick pack model.gguf --order coactivation --trace some.trace -o out.gguf
done
ls
cmp old.gguf out.gguf
rm ./*

# The same command goes on with the layers that there were, and ends with the file that it makes without a signal.
packed sharded-f16
seq 1 30000 >numbers
train="wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1"
$train >/dev/null 2>&1
sum=$(cksum <model.pred.gguf)
restore() {
	rm -f model.pred.gguf model.pred.gguf.part
}
for signal in INT TERM HUP; do
	restore
	caught $signal model.pred.gguf.part $train
done
ls
$train >/dev/null 2>&1 && [ "$(cksum <model.pred.gguf)" = "$sum" ] && echo "the same file"
ls
