# Ctrl-C once something has been measured: the rest is printed, nothing is left. There are more combinations than can be
# measured before the signal comes, however late that is.
tiny='--size 1M --chunks 4k --buffered --io pread'
: >out
env --default-signal=INT wick flashbench . $tiny --depths 1..4096 --seconds 1 --csv out.csv >>out 2>err &
until [ "$(wc -l <out)" -ge 2 ] || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill -INT $!
wait $!
echo "exit $?"
sed -n 's/stopped after [0-9]* of 13/stopped after N of 13/p' err
[ "$(wc -l <out)" = "$(wc -l <out.csv)" ] && echo "as many rows in the file as on the screen"
rm out out.csv err
# In the first of a hundred rounds or a later one: the cells that there were have figures. The method is said after the
# first cell.
: >err
env --default-signal=INT wick flashbench . $tiny --depths 1..4 --rounds 100 --seconds 0.2 --json >out 2>>err &
until grep -q through err || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
sleep 1
kill -INT $!
wait $!
echo "exit $?"
rows=$(grep -c reads_per_s out)
[ "$rows" -ge 1 ] && [ "$rows" -le 3 ] && echo "cells with figures"
rm out err
# Before anything was measured.
: >err
env --default-signal=INT wick flashbench . $tiny --depths 1 --seconds 60 --csv out.csv 2>>err >out &
until grep -q combination err || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill -INT $!
wait $!
echo "exit $?"
tail -n 1 err
ls -A
