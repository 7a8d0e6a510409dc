# A perplexity that is not a number is a failure, and a model whose name is not UTF-8 has figures like any other.
fixture blocks-f16
cp -r src $'na\xffme'
wick pack $'na\xffme' -o $'mo\xffdel.gguf' 2>/dev/null
wick eval $'mo\xffdel.gguf' --text src/text.txt --tokens 5 2>/dev/null | grep -E '^(model|tokens)'
wick eval $'mo\xffdel.gguf' --text src/text.txt --tokens 5 --json 2>/dev/null | grep '"model"'
wick run $'mo\xffdel.gguf' -p a -n 1 --json 2>/dev/null | grep '"model"'
wick bench $'mo\xffdel.gguf' --tokens 3 --json 2>/dev/null | grep '"model"'
wick info $'mo\xffdel.gguf' --json | grep -E '"(name|path)"'

# Logits of which one is larger than all others by thousands.
edit_header src/model.safetensors '
a, b = h["model.decoder.final_layer_norm.weight"]["data_offsets"]
data = data[:a] + b"\xff\x7b" * ((b - a) // 2) + data[b:]'
wick pack src -o huge.gguf 2>/dev/null
wick eval huge.gguf --text src/text.txt --json 2>said
echo "exit $?"
tail -1 said | sed 's/: [0-9.e+]* nats/: N nats/'
