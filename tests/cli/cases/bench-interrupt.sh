# Ctrl-C ends an ablation with the rows that are finished. A row's name is said when it begins, those before it are
# finished then. A bench that was too fast for the signal is tried again.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
mkfifo said

# interrupt ROW TOKENS: once that row has begun
interrupt() {
	local line status tries

	for ((tries = 0; tries < 20; tries++)); do
		env --default-signal=INT wick bench model.gguf --ablation --tokens $2 --json >table.json 2>said &
		exec 3<said
		while read -r line <&3 && [ "$line" != "$1 ..." ]; do :; done
		kill -INT $! 2>/dev/null
		grep ^wick <&3
		exec 3<&-
		wait $!
		status=$?
		[ $status != 0 ] || grep -q '"interrupted": true' table.json && break
	done
	echo "exit $status"
}

interrupt hybrid 60
python3 - <<'PY'
import json
table = json.load(open("table.json"))
rows = ["naive", "hybrid", "dense", "predictor", "window", "policy", "bundling", "gaps", "overlap", "lookahead"]
names = [row["name"] for row in table["modes"]]
print(table["interrupted"], names == rows[:len(names)], 0 < len(names) < len(rows))
PY
# Before the first is finished there is nothing to print.
interrupt naive 500 | sed -E 's/: (stopped|loading was interrupted)$/: .../'
wc -c <table.json
