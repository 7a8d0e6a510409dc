# Ctrl-C ends a text early, and what was evaluated until then is the result. More of it was taken than a pipe and the
# reader hold, so the first chunks were evaluated before the signal comes; and it never ends by itself.
packed plain-f32
mkfifo words
env --default-signal=INT wick eval model.gguf --text words --mode dense --json >result.json 2>/dev/null &
wick=$!
{
	yes 'a b c d e' | head -c 250000
	: >taken
	yes 'a b c d e'
} >words 2>/dev/null &
until [ -e taken ] || ! kill -0 $wick 2>/dev/null; do sleep 0.05; done
kill -INT $wick
wait $wick
echo "exit $?"
wait
python3 -c '
import json
got = json.load(open("result.json"))
print(got["stop"], got["tokens"] > 0, got["chunks"] > 0, got["perplexity"] > 1)'
# Nothing was evaluated: that is a failure. The model is open once the processor has been named.
env --default-signal=INT wick eval model.gguf --text words --mode dense -v >result 2>said &
wick=$!
exec 3>words
until grep -q ^cpu said || ! kill -0 $wick 2>/dev/null; do sleep 0.05; done
kill -INT $wick
exec 3>&-
wait $wick
echo "exit $?, $(tail -n 1 said)"
wc -c <result
