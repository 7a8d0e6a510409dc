# Widths that are no whole blocks are refused by their number; others are packed, and every byte is as its checksum says.
fixture plain-f32
refuse pack src -o out.gguf --type q8_0
refuse pack src -o out.gguf --type q4_0
for type in q8_0 q4_0; do
	wick pack synthetic:opt-tiny -o "$type.gguf" --type "$type" 2>/dev/null
	wick verify "$type.gguf"
	wick info "$type.gguf" | grep -E '^(type|bundle_bytes|stride_bytes)'
done
