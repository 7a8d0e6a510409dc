fixture plain-f32
cp src/model.safetensors kept
broken() {
	refuse pack src -o out.gguf
	cp kept src/model.safetensors
}

echo "# cut: in the length, the header, the data"
for bytes in 0 7 8 100 $(($(stat -c %s kept) / 2)) $(($(stat -c %s kept) - 1)); do
	cut_file src/model.safetensors $bytes
	broken
done
echo "# longer than the header says"
echo more >>src/model.safetensors
broken
echo "# header length beyond the file"
printf '\377\377\377\377\377\377\377\177' | dd of=src/model.safetensors conv=notrunc status=none
broken
echo "# header that is no JSON"
printf 'x' | dd of=src/model.safetensors bs=1 seek=8 conv=notrunc status=none
broken

fc1='h["model.decoder.layers.0.fc1.weight"]'
for code in "$fc1['data_offsets'][0] -= 4; $fc1['data_offsets'][1] -= 4" \
	"$fc1['data_offsets'] = [1 << 60, (1 << 60) + 4]" \
	"$fc1['data_offsets'].reverse()" \
	"$fc1['dtype'] = 'I32'" \
	"$fc1['dtype'] = 'F128'" \
	"$fc1['shape'].reverse()" \
	"$fc1['shape'] = [1 << 40, 1 << 40]" \
	"$fc1['shape'] = [-1]" \
	"del $fc1"; do
	echo "# $code"
	edit_header src/model.safetensors "$code"
	broken
done
