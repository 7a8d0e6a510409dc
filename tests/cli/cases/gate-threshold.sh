# A model whose gates are never 0: what makes them so, what is said of it, and by how much it changes what the model says.
fixture relu/swiglu-cut-f16/folder
wick pack src -o model.gguf --predictor gate 2>/dev/null
wick info model.gguf | grep -E '^(activation|predictor) '
seq 4000 >text
wick run model.gguf -p a -n 2 --gate-threshold 50%
wick train model.gguf --text text --tokens 6000 2>/dev/null | sed 's/ \+[0-9.]\+/ N/g'
wick run model.gguf -p a -n 2 --gate-threshold 50% 2>&1 >/dev/null | grep -a gates
wick run model.gguf -p a -n 2 2>&1 >/dev/null | grep -a gates
wick eval model.gguf --text text --tokens 300 --gate-threshold 50% --kl --json 2>/dev/null |
	python3 -c 'import json, sys; got = json.load(sys.stdin); print(got["mode"], 0 < got["kl_nats_per_token"] < 1, 0 < got["same_choice_share"] < 1)'
wick eval model.gguf --text text --tokens 300 --gate-threshold 1% --json --kl 2>/dev/null |
	python3 -c 'import json, sys; got = json.load(sys.stdin); print(0 < got["kl_nats_per_token"] < 1e-3)'
wick eval model.gguf --text text --kl
wick trace record model.gguf --text text --tokens 50 -o trace 2>&1 | grep -o 'its activation.*'
wick trace record model.gguf --text text --tokens 50 -o trace --gate-threshold 50% 2>&1 | tail -n 1
wick run model.gguf -p a -n 2 --gate-threshold 50% --json 2>/dev/null | grep gate
wick plan model.gguf --json | grep gate
wick plan model.gguf --gate-threshold 50% | grep -E 'gates|assumed'
# Of experts, whose gates are known before their ups: as they lie in a stock file.
cp "$WICK_SOURCE/tests/golden/fixtures/stock/qwen3moe-f16/model.gguf" experts.gguf
wick run experts.gguf -p a -n 2 --gate-threshold 50%
wick train experts.gguf --text text --tokens 6000 2>/dev/null | sed 's/ \+[0-9.]\+/ N/g'
wick run experts.gguf -p 'a b c' -n 2 --gate-threshold 50% -v 2>&1 >/dev/null | grep -a gates | sed 's/[45][0-9]% of the experts/half of the experts/'
wick eval experts.gguf --text text --tokens 300 --gate-threshold 50% --kl --json 2>/dev/null |
	python3 -c 'import json, sys; got = json.load(sys.stdin); print(got["mode"], 0 < got["kl_nats_per_token"] < 1)'
