# Instruction sets, threads and nodes: what was asked for is what the start-up lines and the figures tell.
packed plain-f32
write() {
	wick run model.gguf -p 'the other' -n 3 --temp 0 --json -v "$@" 2>said | sed -nE 's/^ *"(kernels|text)": /\1 /p'
}
write --cpumask 0
best=$(write)
[ "$(write --numa local)" = "$best" ] && [ "$(write --numa interleave)" = "$best" ] && echo "the same on every node"
more=$(($(nproc) + 1))
[ "$(write --threads $more)" = "$best" ] && sed -nE "s/^cpu .*, $more (threads on) [0-9]+ CPUs?\$/more \\1 fewer CPUs/p" said
misuse run model.gguf -p a --numa near
refuse run model.gguf -p a --numa 63
# The bounds of the options are those of the library.
for policy in lru window decay; do
	wick plan model.gguf --mode sparse --policy $policy --threads 256 --chunk-size 64M >/dev/null && echo "$policy, and the most there can be"
done
