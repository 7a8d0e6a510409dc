# The text ends with the model's end of text: here the token that it is known to write first is made to be that.
packed plain-f32
write() {
	wick run model.gguf -p 'the thing' -n 5 --temp 0 --json 2>/dev/null >run.json
	python3 -c 'import json; run = json.load(open("run.json")); print(run["stop"], run["tokens"], "tokens")'
}
write
python3 - <<'PY'
import json
text = json.load(open("run.json"))["text"].replace(" ", "\u0120")
vocab = json.load(open("src/vocab.json"))
first = max((t for t in vocab if text.startswith(t)), key=len)
config = json.load(open("src/config.json"))
config["eos_token_id"] = vocab[first]
json.dump(config, open("src/config.json", "w"))
PY
wick pack src -o model.gguf 2>/dev/null
write
