# Where no second thread may start (a limit of processes; Docker before 20.10.10, whose filter refuses clone3).
PATH=${WICK_BUILD-$WICK_SOURCE/build}/tests/cli:$PATH
forbid 1 clone3 true || { echo "no seccomp filter to be had"; exit 77; }
packed plain-f32
forbid 1 clone3 wick --version | cut -d ' ' -f 1
forbid 1 clone3 wick info model.gguf | head -n 1
forbid 1 clone3 wick verify model.gguf
echo "exit $?"
# One that multiplies does it with one thread, and says so; a number that was asked for must be had.
wick run model.gguf -p a -n 4 --seed 1 >all 2>/dev/null
forbid 1 clone3 wick run model.gguf -p a -n 4 --seed 1 >one 2>said
echo "run: exit $?"
cmp all one
sed -n 's/^cpu .*\(1 thread ([^)]*)\).*/\1/p' said
forbid 1 clone3 wick run model.gguf -p a -n 4 --seed 1 --io pread >one 2>said
echo "pread: exit $?"
cmp all one
grep 'not uring' said || forbid 1 clone3 wick run model.gguf -p a -n 4 --io pread --json 2>/dev/null | grep io_why
forbid 1 clone3 wick run model.gguf -p a --threads 2 2>&1 >/dev/null | grep '^wick'
# Where threads are few, and not one.
forbid 1 clone3 wick plan model.gguf | grep -o 'threads: 1$'
