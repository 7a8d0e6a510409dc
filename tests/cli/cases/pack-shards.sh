fixture sharded-f16
rm src/model-00002-of-00003.safetensors
refuse pack src -o out.gguf
rm -r src
fixture sharded-f16
edit_json src/model.safetensors.index.json 'j["weight_map"]["model.decoder.extra"] = "model-00001-of-00003.safetensors"'
refuse pack src -o out.gguf
edit_json src/model.safetensors.index.json 'j["weight_map"] = {k: "../../" + v for k, v in j["weight_map"].items()}'
refuse pack src -o out.gguf
edit_json src/model.safetensors.index.json 'del j["weight_map"]'
refuse pack src -o out.gguf
rm -r src
fixture sharded-bin-bf16
rm src/pytorch_model-00003-of-00003.bin
refuse pack src -o out.gguf
