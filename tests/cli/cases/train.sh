# What cannot be trained is refused, with one line; what was trained is taken from then on.
packed sharded-f16
expect 2 wick train
expect 2 wick train model.gguf
expect 2 wick train model.gguf --text
expect 2 wick train model.gguf --text numbers --import src
expect 1 wick train model.gguf --text nowhere
expect 1 wick train model.gguf --import nowhere
expect 1 wick train model.gguf --text src/config.json
seq 1 30000 >numbers
wick train model.gguf --text numbers src/config.json --tokens 12288 --steps 30 --bytes 30% --ahead-bytes 15% --threads 2 >said &&
	sed "s|[0-9.]*%|%|g; s| [0-9.]*$||" said
ls
# A plan knows from it how often neurons fire.
wick plan model.gguf | grep -e assumed -e 'as often'

# Predictors of others, which know neurons in the checkpoint's order only.
powerinfer=$WICK_SOURCE/tests/unit/fixtures/powerinfer
wick trace record model.gguf --text numbers --tokens 500 --mode dense -o some.trace >said 2>&1 || cat said
wick pack model.gguf --order coactivation --trace some.trace -o ordered.gguf >said 2>&1 || cat said
refuse train ordered.gguf --import "$powerinfer/odd"
wick train model.gguf --import "$powerinfer/odd"
wick run model.gguf -p 'a b' -n 3 --seed 1 -v 2>&1 >/dev/null | grep -o -e 'mode .*' -e 'not prefetched: .*' -e '.*bundles.* prefetched.*' -e 'neurons chosen by .*' | sed 's/[0-9.]* [kM]*B/N/'

# They are verified with the model.
wick verify model.gguf
flip model.pred.gguf 8192
refuse verify model.gguf

# Numbers that f16 cannot hold: the norm in front of an FFN is large, and the FFN small.
rm -r src
fixture plain-f32
edit_header src/model.safetensors '
import array
data = bytearray(data)
for name, entry in h.items():
    factor = 1e6 if "final_layer_norm" in name else 1e-6 if "fc1.weight" in name else None
    if factor and "layers" in name:
        at, end = entry["data_offsets"]
        numbers = array.array("f", data[at:end])
        data[at:end] = array.array("f", [x * factor for x in numbers]).tobytes()'
wick pack src -o large.gguf --type f32 2>/dev/null
refuse train large.gguf --text numbers --tokens 12288 --bytes 60% --no-ahead --steps 3
