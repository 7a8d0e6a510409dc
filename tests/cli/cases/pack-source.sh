mkdir nothing
refuse pack nowhere -o out.gguf
refuse pack nothing -o out.gguf
refuse pack synthetic:opt-7b -o out.gguf
fixture plain-f32
echo '{ "model_type": "opt", ' >src/config.json
refuse pack src -o out.gguf
rm src/config.json
refuse pack src -o out.gguf
