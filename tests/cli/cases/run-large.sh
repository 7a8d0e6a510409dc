# Weights that are finite, and too large to be computed with: nothing is written that was chosen by what is no number.
fixture plain-f32
edit_header src/model.safetensors '
a, b = h["model.decoder.final_layer_norm.weight"]["data_offsets"]
data = data[:a] + b"\xff\xff\x7f\x7f" * ((b - a) // 4) + data[b:]'
wick pack src -o model.gguf --type f32 2>/dev/null
wick verify model.gguf >/dev/null && echo "verified"
said() {
	local status

	wick "$@" >out 2>said
	status=$?
	cat out
	echo "exit $status"
	tail -1 said
}
said run model.gguf -p 'a b' -n 3 --temp 0
said run model.gguf -p 'a b' -n 3 --json
seq 1 200 >text
said eval model.gguf --text text
said eval model.gguf --text text --json
