# Limits of the shell: what does not fit is said in one line, and nothing waits for ever.
grep -qa -e __asan_init -e __tsan_init "$(command -v wick)" && { echo "a sanitizer takes more than any limit"; exit 77; }
packed plain-f32
ulimit -c 0

# within LIMIT COMMAND...: its complaint, if any, and exit status
within() {
	local limit=$1
	shift

	echo "$limit: $*"
	(ulimit $limit && exec timeout -k 1 20 "$@") 2>&1 >/dev/null | grep -E '^wick:? '
	echo "exit ${PIPESTATUS[0]}"
}

run='wick run model.gguf -p a -n 2'
within '-v 300000' $run --threads 8
within '-d 120000' $run --threads 1
seq 1 3000 >text
within '-v 1000000' wick train model.gguf --text text --threads 8

# Only training loads OpenBLAS, which alone is larger than these limits allow.
for limit in '-v 80000' '-d 20000'; do
	within "$limit" wick info model.gguf
	within "$limit" wick nonsense
	within "$limit" wick run
	within "$limit" wick
	within "$limit" wick help
done
within '-v 300000' wick --version

# Stacks of threads.
for stack in 48 64; do
	within "-s $stack" $run --threads 2 --io pread
	within "-s $stack" wick flashbench . --size 1M --chunks 4k --depths 1 --threads 2 --seconds 0.01 --buffered --io pread
done
