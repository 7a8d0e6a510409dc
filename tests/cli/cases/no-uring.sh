# Where io_uring is forbidden (EPERM, 1) or hidden (ENOSYS, 38): what doctor says, and that flashbench reads all the same.
PATH=${WICK_BUILD-$WICK_SOURCE/build}/tests/cli:$PATH
forbid 1 io_uring_setup true || { echo "no seccomp filter to be had"; exit 77; }
[ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" = 0 ] || { echo "io_uring is off here"; exit 77; }
for error in 1 38; do
	forbid $error io_uring_setup wick doctor >said
	echo "exit $?"
	awk '/^io_uring/ {print; getline; print}' said
done
tiny='--size 1M --chunks 4k --depths 1 --seconds 0.01 --buffered'
forbid 1 io_uring_setup wick flashbench . $tiny 2>&1 >/dev/null | grep through
forbid 1 io_uring_setup wick flashbench . $tiny --io uring 2>said
echo "exit $?"
grep ^wick said
