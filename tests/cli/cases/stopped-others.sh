# INT, TERM, HUP and PIPE from outside, while traces are written and while something is measured: exit 1 and one
# sentence, an old file unchanged, nothing new beside it. A command that was too fast for the signal is tried again.
signals='INT TERM HUP PIPE'

# caught SIGNAL CONDITION COMMAND...: sends it once the condition holds; it arrives before anything else is done.
caught() {
	local signal=$1 condition=$2 pid status tries before=$(ls -A)
	shift 2

	for ((tries = 0; tries < 20; tries++)); do
		: >../said
		env --default-signal=INT,HUP,PIPE "$@" >../told 2>>../said 3>&- &
		pid=$!
		until eval "$condition" || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
		kill -STOP $pid 2>/dev/null
		kill -$signal $pid 2>/dev/null
		kill -CONT $pid 2>/dev/null
		exec 3>&-
		wait $pid
		status=$?
		[ $status = 0 ] || break
		cp ../old out
	done
	echo "$signal: exit $status, $(sed -n '/^wick/{s/bench: .*\(stopped\|interrupted\).*/bench: stopped/;p}' ../said)"
	[ ! -s ../told ] || cat ../told
	cmp ../old out
	[ "$(ls -A)" = "$before" ] || { echo "left behind:"; ls -A; }
}

wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
seq 1 30000 >numbers
echo 'what was there' >old
mkdir work
cd work
cp ../old out
ln ../model.gguf
record='wick trace record model.gguf --text ../numbers --mode dense --threads 1'
echo "trace record:"
for signal in $signals; do
	caught $signal 'writes $pid "out.*"' $record --tokens 20000 -o out
done
echo "trace synth:"
for signal in $signals; do
	caught $signal 'writes $pid "out.*"' wick trace synth --layers 32 --ffn 16384 --tokens 2000 -o out
done

# A way is named when it begins. The ordered model lies beside the model until it was measured.
echo "bench:"
for signal in $signals; do
	caught $signal 'grep -q naive ../said' wick bench model.gguf --ablation --rows naive --tokens 500 --svg out
done
$record --tokens 700 -o ../some.trace 2>/dev/null
for signal in $signals; do
	caught $signal 'compgen -G "model.gguf.*" >/dev/null' \
		wick bench model.gguf --ablation --rows order --tokens 100 --trace ../some.trace --svg out
done

# The model is open once the processor has been named; the text ends, empty, when the signal was sent.
echo "eval:"
mkfifo ../words
for signal in $signals; do
	exec 3<>../words
	caught $signal 'grep -q ^cpu ../said' wick eval model.gguf -v --text ../words
done

echo "flashbench:"
tiny='--size 1M --chunks 4k --depths 1 --buffered --io pread'
for signal in $signals; do
	caught $signal 'grep -q combination ../said' wick flashbench . $tiny --seconds 60 --csv out
done
