# Trained predictors go where their model goes: with it when it is ordered or not at all, and away with it after a bench.
packed sharded-f16
seq 1 30000 >numbers
wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% >/dev/null 2>&1
wick trace record model.gguf --text numbers -o some.trace --tokens 300 2>/dev/null
order="--order coactivation --trace some.trace"
wick pack model.gguf -o ordered.gguf $order 2>/dev/null
ls ordered*
wick run ordered.gguf -v -p a -n 1 2>&1 >/dev/null | grep -o 'neurons chosen by [a-z]*'
rm ordered*

mkdir ordered.pred.gguf
refuse pack model.gguf -o ordered.gguf $order
rmdir ordered.pred.gguf

sleep 0 &
wait $!
: >"model.gguf.order-$!.pred.gguf"
: >"model.gguf.order-$$.gguf"
ls >before
wick bench model.gguf --ablation --rows order --trace some.trace --tokens 3 >table 2>said
grep -c '^order ' table
sed -n "s/^left by.*-$!\\./left: /p" said
ls | grep -v -e table -e said -e before | diff <(grep -v before before) -

# "m" would have the predictors of "m.gguf". A name may be too long for a file of predictors beside it.
cp model.pred.gguf before.pred
refuse pack model.gguf -o model $order
cmp before.pred model.pred.gguf
long=$(printf '%0250d' 0).gguf
ln model.gguf $long
wick run $long -v -p a -n 1 --temp 0 2>&1 >/dev/null | grep -o 'mode .*'
wick verify $long | sed "s/$long/LONG/"
