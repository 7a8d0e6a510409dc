# A model that ends early is refused by everything, wherever it was cut.
packed plain-f32
size=$(stat -c %s model.gguf)
for ((at = 0; at < 40; at++)); do
	bytes=$((at < 30 ? at * at * 16 : size - (40 - at) * 1000 - 1))
	cp model.gguf cut.gguf
	cut_file cut.gguf $bytes
	for command in info verify plan 'run -p a -n 1 --temp 0'; do
		wick $command cut.gguf >said 2>&1
		status=$?
		[ $status = 1 ] && [ "$(wc -l <said)" = 1 ] && grep -q '^wick.*cut.gguf' said ||
			{ echo "wick $command, $bytes bytes: exit $status"; cat said; }
	done
done
