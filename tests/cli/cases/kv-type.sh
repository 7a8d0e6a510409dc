# By how much keys and values of q8_0 change what a model says: those of f16 by nothing, and these by as much as the logits of two runs say.
packed blocks-f16
seq 400 >text
diverge() {
	wick eval model.gguf --text text --tokens 60 --mode dense --kl --json "$@" 2>/dev/null
}
diverge --kv-type f16 | python3 -c 'import json, sys; got = json.load(sys.stdin); print(got["kl_nats_per_token"], got["same_choice_share"])'
diverge --kv-type q8_0 >q8_0.json
wick tokenize model.gguf --ids <text | tr ' ' '\n' | head -n 60 >ids
for type in f16 q8_0; do
	"$WICK_BUILD/tests/golden/golden-logits" model.gguf 0 4000 $type <ids >$type
done
python3 - <<'PY'
import array, json, math

def log_softmax(row):
    most = max(row)
    total = most + math.log(sum(math.exp(x - most) for x in row))
    return [x - total for x in row]

def rows(path):
    logits = array.array("f")
    logits.frombytes(open(path, "rb").read())
    vocab = len(logits) // 60
    return [log_softmax(logits[i * vocab:(i + 1) * vocab]) for i in range(60)]

f16, q8_0 = rows("f16"), rows("q8_0")
nats = sum(math.exp(p) * (p - q) for one, other in zip(f16, q8_0) for p, q in zip(one, other)) / 60
got = json.load(open("q8_0.json"))
print(got["tokens"], 0 < nats < 0.01, abs(got["kl_nats_per_token"] / nats - 1) < 1e-6)
PY
wick eval model.gguf --text text --kl
