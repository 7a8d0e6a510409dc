# A file that may not become as large as it must: said in one line, and nothing is left of it.
packed plain-f32
seq 1 30000 >numbers
mkdir made
export GCOV_PREFIX=$PWD # what a build for coverage writes is limited, too
ulimit -c 0
ulimit -f 8

# limited COMMAND...: exit 1, one line, and what is left
limited() {
	"$@" 2>&1 >/dev/null | grep '^wick' | sed "s|$PWD/||"
	echo "exit ${PIPESTATUS[0]}"
	ls -A made
}

limited wick run model.gguf -p a -n 20 --temp 0 --logits made/logits
limited wick trace synth -o made/some.trace --like model.gguf --tokens 2000
limited wick trace record model.gguf --text numbers --tokens 2000 -o made/some.trace
limited wick pack synthetic:opt-125m -o made/other.gguf
limited wick flashbench made --size 1M --chunks 4k --depths 1 --seconds 0.01 --buffered --io pread
