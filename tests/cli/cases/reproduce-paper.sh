# The whole of it on a shape of toy size: a page with every row, and nothing left of what was made. Then what is refused,
# and an end by a signal, which leaves nothing either.
tool=$WICK_SOURCE/tools/reproduce-paper
export WICK=wick
"$tool" --help | head -n 1
"$tool" --quick --shape opt-tiny --ctx 64 --memory 1200 --tokens 3 out 2>/dev/null
ls out | grep -v svg # with gnuplot only
grep -E '^## |Synthetic' out/README.md | cut -c 1-60
grep -oE '^\| (naive|hybrid|dense|predictor|window|policy|bundling|order|gaps|overlap|lookahead) \| [0-9.]+' out/README.md | cut -d' ' -f2
grep -c 'times\*\* less' out/README.md
grep -cE '^- \*\*[a-z]+\*\*: [a-z]' out/README.md
grep -oE 'table-2-opt-tiny.svg|gnuplot is not installed' out/README.md | head -n 1 | sed 's/table-2-opt-tiny.svg/a chart, where there is gnuplot/; s/gnuplot is not.*/a chart, where there is gnuplot/'

expect_tool() { "$tool" "$@" >/dev/null; echo "exit $?" >&2; }
expect_tool
expect_tool --shape
expect_tool --shape opt-7b out2
expect_tool --model nowhere out2
expect_tool --model . --shape opt-125m out2
expect_tool a b
expect_tool --shape opt-125m --tokens 2 out2
mkdir full bin
printf '#!/bin/sh\necho head\necho disk 9 9 9999 1%% /\n' >bin/df
chmod +x bin/df
PATH=$PWD/bin:$PATH expect_tool --shape opt-66b full
echo 'command() { [ "$2" != gnuplot ] && builtin command "$@"; }' >hide.sh
PATH=$PWD/bin:$PATH BASH_ENV=$PWD/hide.sh expect_tool --shape opt-66b full
ls -A full

timeout -s INT 3 "$tool" --shape opt-125m stopped >/dev/null 2>&1 || echo "stopped: $?"
ls -A stopped | grep work || true
