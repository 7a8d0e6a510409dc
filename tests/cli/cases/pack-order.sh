# A recorded trace decides where neurons lie: the same tokens fire in fewer stretches, and the words stay the same.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
cat "$WICK_SOURCE"/README.md "$WICK_SOURCE"/docs/*.md >text
wick trace record model.gguf --text text -o some.trace --tokens 600 2>/dev/null
wick pack model.gguf -o ordered.gguf --order coactivation --trace some.trace 2>/dev/null
wick verify ordered.gguf | sed 's/all .* match/all match/'
wick info ordered.gguf | grep ^order
wick trace record ordered.gguf --text text -o ordered.trace --tokens 600 2>/dev/null
python3 - <<'PY'
import struct

# Stretches of neighbours that fire, summed over layers and tokens: the reads of a model of which nothing stays.
def stretches(path):
    with open(path, "rb") as f:
        data = f.read()
    layers, n_ff = struct.unpack("<II", data[16:24])
    at, sum = 64, 0
    while data[at:at + 8] != b"tracends":
        size = struct.unpack("<I", data[at + 4:at + 8])[0]
        for layer in range(layers):
            bits = int.from_bytes(data[at + 8 + layer * (size // layers):][:size // layers], "little")
            sum += (bits & ~(bits << 1)).bit_count()
        at += 12 + size
    return sum

before, after = stretches("some.trace"), stretches("ordered.trace")
print("fewer by a tenth at least:", after < 0.9 * before)
PY
for model in model ordered; do
	wick run $model.gguf -p 'The old man' -n 20 --temp 0 --mode dense --threads 1 2>/dev/null | cksum
done | uniq | wc -l
wick bench ordered.gguf --trace ordered.trace --memory 60% --ctx 64 --tokens 3 --json 2>/dev/null | grep '"trace"'
refuse run ordered.gguf -p x --trace some.trace | sed "s/of this .*/of this .../"
refuse pack ordered.gguf -o other.gguf --order coactivation --trace some.trace | sed "s/of this .*/of this .../"
refuse pack model.gguf -o other.gguf --order coactivation --trace some.trace --type f16
misuse pack model.gguf -o other.gguf --order coactivation
misuse pack model.gguf -o other.gguf --order best
