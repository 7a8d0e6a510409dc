# The tokens of a text by a folder's tokenizer and by a packed model's are the same, whatever kind it is: by merges, by
# SentencePiece's scores, by a pipeline that has no name.
folders=$WICK_SOURCE/tests/unit/fixtures/folders
packed plain-f32
wick tokenize model.gguf -p $'the oil\n</s>\e[31m \xff\xc3\xa9'
wick tokenize model.gguf --special --ids -p 'the</s>'
wick tokenize model.gguf --no-bos --json -p 'the oil'
printf 'the oil\nthe wick\0\0a' | wick tokenize model.gguf -0
rm src/vocab.json src/merges.txt src/tokenizer_config.json
python3 - <<'PY' # rows for 424 tokens
import json, struct
with open("src/model.safetensors", "rb") as f:
    head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    data = f.read()
out, at = b"", 0
for name, tensor in head.items():
    if name != "__metadata__":
        begin, end = tensor["data_offsets"]
        part = data[begin:end]
        if name.endswith("embed_tokens.weight"):
            tensor["shape"][0] = 424
            part += bytes(424 * 72 * 4 - len(part))
        tensor["data_offsets"] = [at, at + len(part)]
        out, at = out + part, at + len(part)
text = json.dumps(head).encode()
open("src/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + out)
PY
edit_json src/config.json "j['vocab_size'] = 424"
for kind in llama3 own metaspace-first replace pieces; do
	cp "$folders/$kind"/tokenizer.* src/
	wick pack src -o other.gguf 2>/dev/null || echo "$kind is not packed"
	python3 - "$folders/$kind/cases.json" >texts <<-'PY'
	import json, sys
	sys.stdout.buffer.write(b"".join(text.encode() + b"\0" for text, ids in json.load(open(sys.argv[1])) if "\0" not in text))
	PY
	wick tokenize src -f texts -0 >folder
	wick tokenize other.gguf -f texts -0 | cmp - folder && echo "$kind: $(wc -l <folder) texts"
	rm src/tokenizer.*
done
expect 1 wick tokenize src -p x
expect 1 wick tokenize nowhere -p x
wick tokenize model.gguf 'the oil' --ids
expect 2 wick tokenize model.gguf ''
expect 2 wick tokenize model.gguf -p x -f texts
expect 2 wick tokenize model.gguf x -p y
expect 2 wick tokenize model.gguf x y
expect 2 wick tokenize model.gguf -p x --json --ids
