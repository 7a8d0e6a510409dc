# Where no second thread may start (a limit of processes; Docker before 20.10.10, whose filter refuses clone3).
PATH=${WICK_BUILD-$WICK_SOURCE/build}/tests/cli:$PATH
forbid 1 clone3 true || { echo "no seccomp filter to be had"; exit 77; }
packed plain-f32
forbid 1 clone3 wick --version | cut -d ' ' -f 1
forbid 1 clone3 wick info model.gguf | head -n 1
forbid 1 clone3 wick verify model.gguf
echo "exit $?"
