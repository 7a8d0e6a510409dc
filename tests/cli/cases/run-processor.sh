# Instruction sets, threads and nodes: what was asked for is what the start-up lines and the figures tell.
packed plain-f32
write() {
	wick run model.gguf -p 'the other' -n 3 --temp 0 --json "$@" 2>said | sed -nE 's/^ *"(kernels|text)": /\1 /p'
}
write --cpumask 0
best=$(write)
[ "$(write --numa local)" = "$best" ] && [ "$(write --numa interleave)" = "$best" ] && echo "the same on every node"
more=$(($(nproc) + 1))
[ "$(write --threads $more)" = "$best" ] && sed -nE "s/^cpu .*, $more (threads on) [0-9]+ CPUs?,.*/more \\1 fewer CPUs/p" said
refuse run model.gguf -p a --numa near
refuse run model.gguf -p a --numa 63
