# A recording stays within --memory, with what it holds beside the engine.
grep -qa -e __asan_init -e __tsan_init "$(command -v wick)" && { echo "a sanitizer's own memory is in no budget"; exit 77; }
unset MALLOC_PERTURB_ # it writes into all that is allocated, used or not
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
cat "$WICK_SOURCE"/README.md "$WICK_SOURCE"/docs/*.md | head -c 200000 >text
head -c 4000000 /dev/zero | tr '\0' a >letters # nothing separates them
python3 - <<'PY'
import os, resource, subprocess

# By how much the kernel's peak may be wrong: two sums, each behind by a batch on every CPU.
cpus = os.cpu_count()
lag = 2 * cpus * max(32, 2 * cpus) * resource.getpagesize()
for memory, text in ("18M", "text"), ("24M", "text"), ("80%", "text"), ("18M", "letters"):
    subprocess.run(["wick", "trace", "record", "model.gguf", "--text", text, "-o", "some.trace", "--tokens", "400", "--ctx", "128",
        "--threads", "2", "--memory", memory], check=True, stderr=subprocess.DEVNULL)
peak = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print("within the budget:", peak <= (24 << 20) + lag)
PY
wick trace record model.gguf --text text -o some.trace --ctx 128 --memory 10M 2>&1 | sed 's/[0-9.]\+/N/g'
