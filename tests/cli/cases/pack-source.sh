mkdir nothing
refuse pack nowhere -o out.gguf
refuse pack nothing -o out.gguf
refuse pack synthetic:opt-7b -o out.gguf
fixture plain-f32
echo '{ "model_type": "opt", ' >src/config.json
refuse pack src -o out.gguf
rm src/config.json
refuse pack src -o out.gguf
# What means nothing for a source is refused, and not taken in silence.
refuse pack synthetic:moe-tiny --layout stock --predictor gate -o out.gguf
cp "$WICK_SOURCE/tests/golden/fixtures/stock/qwen2-f16/model.gguf" stock.gguf
refuse pack stock.gguf --predictor copy -o out.gguf
