# The text ends with any of the model's stop tokens: here one that it is known to write is made to be one, as the only one
# in config.json, as the second of a list there, and in generation_config.json, which overrules config.json.
packed plain-f32
cp src/config.json kept.json
write() {
	wick pack src -o model.gguf 2>/dev/null
	wick run model.gguf -p 'the thing' -n 5 --temp 0 --json 2>/dev/null >run.json
	python3 -c 'import json; run = json.load(open("run.json")); print(run["stop"], run["tokens"], "tokens", ascii(run.get("stopped_by")))'
}
write
first=$(python3 - <<'PY'
import json
text = json.load(open("run.json"))["text"].replace(" ", "\u0120")
vocab = json.load(open("src/vocab.json"))
print(vocab[max((t for t in vocab if text.startswith(t)), key=len)])
PY
)
edit_json src/config.json "j['eos_token_id'] = $first"
write
edit_json src/config.json "j['eos_token_id'] = [2, $first]"
write
echo '{"eos_token_id": 2}' >src/generation_config.json
write
cp kept.json src/config.json
echo "{\"eos_token_id\": [2, $first]}" >src/generation_config.json
write
