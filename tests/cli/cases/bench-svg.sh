# The table as a figure: a bar for every row, and colours that are neither black nor white.
mkdir bin
ln -s "$(command -v wick)" bin/wick
expect 1 env PATH="$PWD/bin" wick bench nowhere.gguf --svg rows.svg
command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }
packed plain-f32
wick bench model.gguf --ablation --ctx 64 --tokens 3 --svg rows.svg 2>/dev/null >table
head -1 table | sed 's/,.*//'
python3 - <<'PY'
import re
import xml.etree.ElementTree as tree
figure = open("rows.svg").read()
words = ["".join(text.itertext()).strip() for text in tree.fromstring(figure).iter("{http://www.w3.org/2000/svg}text")]
print([name for name in ("naive", "predictor", "bundling", "lookahead", "computing", "waiting for flash") if name in words])
print("background:", 'fill="white"' in figure.split("<g", 1)[0])
PY
wick bench model.gguf --ctx 64 --tokens 3 --svg /dev/full 2>said >/dev/null
echo "exit $?, $(grep ^wick said)"
misuse bench model.gguf --svg

# The title has the model's name: what is in it stays a part of the title.
mv src $'x\'\n!touch made\n`touch made`'
wick pack x* -o other.gguf 2>/dev/null
wick bench other.gguf --ctx 64 --tokens 3 --mode naive --svg other.svg >/dev/null 2>&1
echo "exit $?, $(grep -o "A token of .* (f16)" other.svg)"
[ ! -e made ] || echo "its name was taken for commands"
