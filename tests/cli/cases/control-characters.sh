# What a file or its path is called reaches a terminal with its control characters replaced, whichever command says it,
# and JSON as the escapes that stand for them. The one exception is the text that a model writes.
name=$'\eKx\x7f\n\r\u009bJ\u202ey\u2066'
cat >look.py <<'PY'
# look.py ROLE FILE: what in it a terminal would obey, and, unless silent, the lines with the name, without figures.
import re, sys, unicodedata
role, path = sys.argv[1:]
text = open(path, "rb").read().decode("utf-8", "surrogateescape")
for c in sorted(set(text)):
    turns = "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"
    if c != "\n" and (turns or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")):
        print(f"{role}: U+{ord(c):04X} as it is")
for line in text.split("\n"):
    if "Kx" in line and role != "silent":
        line = re.sub(" on [^;]*;", " on a drive;", re.sub("saved: .*(.Kx.*/).*", r"saved: \1profile", line))
        line = re.sub("(not supported); .* are$", r"\1; others are", line)  # the list grows with each family
        line = line if "\\u" in line else re.sub("[0-9]+([.][0-9]+)?", "N", line)
        print(f"{role}: {line}")
PY

# told COMMAND...: its exit status, and what it says where the name stands.
told() {
	local status

	wick "$@" >out 2>err
	status=$?
	echo "== ${*//"$name"/NAME}: exit $status"
	python3 look.py out out
	python3 look.py err err
}

# same FILE KEY VALUE: JSON still has what the name really is.
same() {
	python3 -c 'import json, sys; print(sys.argv[2], json.load(open(sys.argv[1]))[sys.argv[2]] == sys.argv[3])' "$@"
}

fixture sharded-f16
mv src "$name"
cp -r "$WICK_SOURCE/tests/unit/fixtures/powerinfer/odd" "$name.odd"
seq 1 2000 >"$name.txt"
few='--ctx 32 --threads 1'
told pack "$name" -o "$name.gguf"
told info "$name.gguf"
told info "$name.gguf" --json
same out path "$name.gguf"
same out name "$name"
told verify "$name.gguf"
told plan "$name.gguf" $few
told plan "$name.gguf" $few --json

# Its text goes to standard output as it is.
wick run "$name.gguf" -p a -n 1 -v $few 2>err >/dev/null
echo "== run: exit $?"
python3 look.py err err
told run "$name.gguf" -p a -n 1 $few -v --json --stats "$name.json"
same out model "$name"
same "$name.json" model "$name"
told eval "$name.gguf" --text "$name.txt" --tokens 64 -v $few
told eval "$name.gguf" --text "$name.txt" --tokens 64 -v $few --json
told trace record "$name.gguf" --text "$name.txt" --tokens 64 -o "$name.trace" $few --mode dense
told trace synth --like "$name.gguf" --tokens 64 -o "$name.synth"
told trace stats "$name.trace" --like "$name.gguf" --warm-up 8
told run "$name.gguf" -p a -n 1 -v $few --json --trace "$name.trace"
same out predictors_path "$name.trace"

# A number that no process has: the file stands for one that a bench left.
: >"$name.gguf.order-2147483647.gguf"
told bench "$name.gguf" $few --tokens 3 --ablation --rows naive,order --trace "$name.trace"
told bench "$name.gguf" $few --tokens 3 --json
same out model "$name"
told train "$name.gguf" --import "$name.odd"
told train "$name.gguf" --import "$name.odd" --json
same out file "$name.pred.gguf"
told run "$name.gguf" -p a -n 1 -v $few --json --mode sparse

mkdir "$name.folder"
short='--depths 1 --seconds 0.01 --buffered'
told flashbench "$name.folder" --size 1M --chunks 4k $short --csv "$name.csv"
told flashbench "$name.gguf" --chunks 4k $short --json
same out file "$name.gguf"
XDG_CACHE_HOME=$PWD/$name.folder told flashbench . --size 1M --chunks 4k,16k $short --rounds 1 --save-profile
for json in '' --json; do
	wick doctor "$name.folder" $json >out 2>err
	python3 look.py silent out
	python3 look.py silent err
done

# Where it is refused, too: commands, files, a tensor of a packed model, and what a checkpoint holds.
told "$name"
told help "$name"
told run "$name" -p a
told run "$name.missing" -p a --io "$name"
python3 - "$name.gguf" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
open("renamed.gguf", "wb").write(data.replace(b"token_embd.weight", b"\x1bKx\xc2\x9bembd.weight", 1))
PY
told info renamed.gguf
told verify renamed.gguf
told run renamed.gguf -p a -n 1 $few
mv "$name" src
edit_json src/model.safetensors.index.json 'j["weight_map"]["\x1bKx\x9b"] = "model-00001-of-00003.safetensors"'
told pack src -o other.gguf
rm -r src
fixture plain-f32
edit_json src/config.json 'j["model_type"] = "\x1bKx\x9b"'
told pack src -o other.gguf
[ ! -e other.gguf ] || echo "packed all the same"
