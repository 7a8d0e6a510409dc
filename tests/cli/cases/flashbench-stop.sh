# Ctrl-C once something has been measured: the rest is printed, nothing is left.
tiny='--size 1M --chunks 4k --buffered --io pread'
touch out
env --default-signal=INT wick flashbench . $tiny --depths 1..64 --seconds 1 --csv out.csv >out 2>err &
until [ "$(wc -l <out)" -ge 2 ] || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill -INT $!
wait $!
echo "exit $?"
sed -n 's/stopped after [1-6] of 7/stopped after N of 7/p' err
[ "$(wc -l <out)" = "$(wc -l <out.csv)" ] && echo "as many rows in the file as on the screen"
rm out out.csv err
# After some of a hundred rounds: every cell has figures, of those that there were.
touch err
touch out
env --default-signal=INT wick flashbench . $tiny --depths 1..4 --rounds 100 --seconds 0.05 --json >out 2>>err &
sleep 4
kill -INT $!
wait $!
echo "exit $?"
grep -c reads_per_s out
rm out err
# Before anything was measured.
touch err
env --default-signal=INT wick flashbench . $tiny --depths 1 --seconds 60 --csv out.csv 2>>err >out &
until grep -q combination err || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill -INT $!
wait $!
echo "exit $?"
tail -n 1 err
ls -A
