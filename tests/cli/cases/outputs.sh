# No output takes the place of what is worth keeping, and none is found out to be impossible after the work.
packed plain-f32
cp model.gguf other.gguf
ln model.gguf link
echo text >text
echo figures >stats.json
wick trace synth -o trace --layers 2 --ffn 64 --tokens 4 2>/dev/null
sums() { find . -type f ! -name .said | sort | xargs md5sum; }
before=$(sums)
refuse run model.gguf -p a --stats model.gguf
refuse run model.gguf -p a --logits link
refuse run model.gguf -p a --stats other.gguf
refuse run model.gguf -f text --stats ./text
refuse run model.gguf -p a --stats new --logits new
refuse run model.gguf -p a --stats new --logits ./new
mkdir folder
ln -s folder other-name
refuse run model.gguf -p a --stats folder/new --logits other-name/../folder//new
refuse run model.gguf -p a --stats other-name/new --logits "$PWD/folder/new"
ln -s nowhere dangling
refuse run model.gguf -p a --stats dangling --logits nowhere
refuse trace synth -o dangling --layers 2 --ffn 64 --tokens 4
refuse run model.gguf -p a --mode sparse --trace trace --stats trace
refuse run model.gguf -p a --stats nowhere/stats.json
refuse trace synth -o model.gguf
refuse trace record model.gguf --text text -o text
refuse trace stats trace --svg trace
refuse bench model.gguf --svg other.gguf
refuse flashbench model.gguf --csv model.gguf
refuse flashbench . --svg model.gguf
refuse pack src -o src/config.json
refuse pack model.gguf --order coactivation --trace trace -o model.gguf
misuse run model.gguf -p a --stats ''
misuse trace synth -o ''
[ "$(sums)" = "$before" ] && echo "all is as it was"
# Those that may be written over are.
wick run model.gguf -p a -n 1 --stats stats.json >/dev/null 2>&1 && grep -c '"tokens"' stats.json
wick pack src -o other.gguf 2>/dev/null && echo packed again
wick run model.gguf -p a -n 1 --stats /dev/null --logits /dev/null >/dev/null 2>&1 && echo nothing kept
