# What a command holds beside the engine is of its budget: the peak stays below, whatever reads the file.
grep -qa -e __asan_init -e __tsan_init "$(command -v wick)" && { echo "a sanitizer's own memory is in no budget"; exit 77; }
unset MALLOC_PERTURB_ # it writes into all that is allocated, used or not
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
cat "$WICK_SOURCE"/README.md "$WICK_SOURCE"/docs/*.md >text
head -c 300 text >short
# By how much the kernel's peak may be wrong: two sums, each behind by a batch on every CPU that it ran on, here one.
cpu=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
within='import json, os, resource, sys
run = json.load(sys.stdin)
print(sys.argv[1], "within:", run["peak_bytes"] <= run["budget_bytes"] + 2 * max(32, 2 * os.cpu_count()) * resource.getpagesize())'
how="--tokens 600 --ctx 512 --threads 2"
evaluate() { taskset -c $cpu wick eval model.gguf --text "$1" $how --mode $2 --memory $3 --json; }
# The smallest budget is not the same on two systems, and it moves with what the process takes by itself.
memory=$(($(evaluate text sparse 1M 2>&1 | sed -n 's/.*(--memory \([0-9]*\)).*/\1/p') + 512 * 1024))
for mode in dense sparse; do
	evaluate text $mode $memory 2>err | python3 -c "$within" "eval $mode" || cat err
done
head -c 4000000 /dev/zero | tr '\0' a >letters # nothing separates them
evaluate letters dense $memory 2>err | python3 -c "$within" "eval without spaces" || cat err
taskset -c $cpu wick run model.gguf -f short -n 4 --ctx 256 --threads 2 --memory 18M --mode dense --io mmap --json 2>/dev/null |
	python3 -c "$within" "run mmap"
