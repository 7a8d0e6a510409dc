# A drive that is full while something is written: said in one line, and nothing is left under the final name.
unshare -rm true 2>/dev/null || { echo "no mount namespace to be had"; exit 77; }
packed sharded-f16
seq 1 30000 >numbers
mkdir small
cat >body <<'EOS'
mount -t tmpfs -o size=8k none small || exit 77

# full NAME COMMAND...: exit 1, one line naming the file, at most these files left
full() {
	local name=$1 status
	shift

	"$@" >/dev/null 2>said
	status=$?
	echo "$name: exit $status, $(grep '^wick' said)"
	[ "$(grep -c '^wick' said)" = 1 ] || cat said
	ls -A small
	rm -f small/*
}

full trace wick trace record model.gguf --text numbers --tokens 2000 --mode dense -o small/some.trace
full synth wick trace synth --like model.gguf --tokens 2000 -o small/some.trace
full logits wick run model.gguf -p a -n 20 --temp 0 --logits small/logits
head -c 8192 /dev/zero >small/filler
full stats wick run model.gguf -p a -n 2 --temp 0 --stats small/stats.json
head -c 8192 /dev/zero >small/filler
full csv wick flashbench . --size 1M --chunks 4k --depths 1 --seconds 0.01 --buffered --csv small/cells.csv

# Predictors come beside the model, which is elsewhere: first what is kept has no room, then the file of all.
train="wick train small/model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1"
for size in 8k 48k 96k 144k; do
	mount -t tmpfs -o remount,size=$size none small
	ln -s ../model.gguf small/model.gguf
	full "train, $size" $train
done
mount -t tmpfs -o remount,size=1M none small
ln -s ../model.gguf small/model.gguf
$train >/dev/null 2>&1
ls -A small
EOS
unshare -rm bash body
