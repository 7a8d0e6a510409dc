fixture plain-f32
cp src/config.json kept.json
for code in 'j["model_type"] = "mamba"' 'j["architectures"] = ["MambaForCausalLM"]; j["model_type"] = "mamba"' 'del j["model_type"]' \
	'j["hidden_size"] = 0' 'j["hidden_size"] = -8' 'j["num_attention_heads"] = 7' 'j["ffn_dim"] = 10**30' \
	'j["num_hidden_layers"] = 4000000000' 'j["vocab_size"] = "many"' 'j["activation_function"] = "\x1b[31m"'; do
	cp kept.json src/config.json
	edit_json src/config.json "$code"
	refuse pack src -o out.gguf
done
