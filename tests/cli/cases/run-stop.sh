# What ends a text: a stop text, which is not shown, wherever it lies in the tokens; a token of the model's, unless it is
# to be ignored.
packed plain-f32
say() {
	wick run model.gguf -p 'the thing' -n 12 --temp 0 --json "$@" 2>figures >run.json
	python3 -c 'import json; run = json.load(open("run.json")); print(ascii(run["text"]), run["stop"], run.get("stopped_by"))'
}
say >all
say --stop hm >stopped
python3 - <<'PY'
whole, stopped = (open(name).read() for name in ("all", "stopped"))
print("up to the stop text" if stopped == whole[:whole.index("hm")] + "' stop hm\n" else whole + stopped)
PY
grep -c 'stop: stop hm; ' figures
say --stop 'is not there' nor 'is this' | cmp - all && echo 'all of it'
expect 2 wick run model.gguf -p x --stop ''
