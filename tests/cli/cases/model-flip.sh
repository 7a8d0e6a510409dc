# One wrong bit at the start of each page, where there is always a header, a bundle or another tensor.
packed plain-f32
size=$(stat -c %s model.gguf)
for ((at = 0; at < size; at += 4096)); do
	flip model.gguf $at
	wick verify model.gguf >said 2>&1
	status=$?
	[ $status = 1 ] && [ "$(wc -l <said)" = 1 ] && grep -q '^wick verify: model.gguf' said ||
		{ echo "byte $at: exit $status"; cat said; }
	flip model.gguf $at
done
wick verify model.gguf >/dev/null
