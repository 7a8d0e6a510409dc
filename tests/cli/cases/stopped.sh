# INT, TERM, HUP and PIPE from outside while pack, order, train and import write: the old file stays under its name,
# nothing new beside it but the layers that train keeps. A command that was too fast for the signal is tried again.

# caught SIGNAL TEMPORARY COMMAND...: sends it when the command writes; what it was doing then it goes on with.
caught() {
	local signal=$1 temporary=$2 pid status tries
	shift 2

	for ((tries = 0; tries < 20; tries++)); do
		env --default-signal=INT,HUP,PIPE "$@" >said 2>&1 &
		pid=$!
		until writes $pid "$temporary" || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
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
for signal in INT TERM HUP PIPE; do
	caught $signal 'out.gguf.*.part' wick pack synthetic:opt-125m --type q4_0 -o out.gguf
done
ls
cmp old.gguf out.gguf
wick pack synthetic:opt-125m --type q4_0 -o model.gguf 2>/dev/null
wick trace synth --like model.gguf --tokens 64 -o some.trace 2>/dev/null
for signal in INT TERM HUP PIPE; do
	caught $signal 'out.gguf.*.part' wick pack model.gguf --order coactivation --trace some.trace -o out.gguf
done
ls
cmp old.gguf out.gguf

# All layers have the same predictor, of a rank that takes a while.
mkdir powerinfer
python3 - <<'PY'
import os, zipfile
rank, neurons, width = 1000, 3072, 768
number = lambda n: b"M" + n.to_bytes(2, "little") if n < 65536 else b"J" + n.to_bytes(4, "little")
text = lambda t: b"X" + len(t).to_bytes(4, "little") + t
def tensor(key, rows, cols):
    storage = b"(" + text(b"storage") + b"ctorch\nHalfStorage\n" + text(key) + text(b"cpu") + number(rows * cols) + b"tQ"
    shape = number(rows) + number(cols) + b"\x86" + number(cols) + number(1) + b"\x86"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(0) + shape + b"\x89}tR"
with zipfile.ZipFile("powerinfer/model_0.pt", "w") as z:
    z.writestr("archive/data.pkl", b"\x80\x02}(" + text(b"fc1.weight") + tensor(b"0", rank, width) +
               text(b"fc2.weight") + tensor(b"1", neurons, rank) + b"u.")
    z.writestr("archive/data/0", bytes(2 * rank * width))
    z.writestr("archive/data/1", bytes(2 * neurons * rank))
for layer in range(1, 12):
    os.link("powerinfer/model_0.pt", f"powerinfer/model_{layer}.pt")
PY
restore() {
	cp old.gguf model.pred.gguf
}
restore
for signal in INT TERM HUP PIPE; do
	caught $signal 'model.pred.gguf.*.part' wick train model.gguf --import powerinfer
done
ls
cmp old.gguf model.pred.gguf
wick train model.gguf --import powerinfer
rm -r ./*

# The same command goes on with the layers that there were, and ends with the file that it makes without a signal.
packed sharded-f16
seq 1 30000 >numbers
train="wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1"
$train >/dev/null 2>&1
sum=$(cksum <model.pred.gguf)
restore() {
	rm -f model.pred.gguf model.pred.gguf.part
}
for signal in INT TERM HUP PIPE; do
	restore
	caught $signal model.pred.gguf.part $train
done
ls
$train >/dev/null 2>&1 && [ "$(cksum <model.pred.gguf)" = "$sum" ] && echo "the same file"
ls
