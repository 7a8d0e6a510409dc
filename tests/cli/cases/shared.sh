# Two runs have one model open at once: each waits for somebody to read its logits, so both are there before either goes
# on. While one is stopped, nothing can be written in the model's place; then it goes on as if nothing had been.
packed sharded-f16
wick trace synth --like model.gguf --tokens 64 -o some.trace 2>/dev/null
cp model.gguf copy.gguf
sum=$(cksum <model.gguf)
modes='naive dense'
declare -A pid
for mode in $modes; do
	mkfifo $mode.rows
	: >$mode.said
	wick run model.gguf -v -p 'a b' -n 40 --temp 0 --mode $mode --logits $mode.rows >$mode.text 2>>$mode.said &
	pid[$mode]=$!
done

# The model is open once the processor has been named.
for mode in $modes; do
	until grep -q ^cpu $mode.said || ! kill -0 ${pid[$mode]} 2>/dev/null; do sleep 0.05; done
	kill -0 ${pid[$mode]} && echo "$mode: has it open"
done
kill -STOP ${pid[naive]}
refuse pack src --type bf16 -o model.gguf
refuse pack copy.gguf --order coactivation --trace some.trace -o model.gguf
wick verify model.gguf
cat dense.rows >dense.logits
wait ${pid[dense]}
echo "dense: exit $?"

# One that is stopped is enough.
refuse pack src --type bf16 -o model.gguf
[ "$(cksum <model.gguf)" = "$sum" ] && echo "the file is as it was"
kill -CONT ${pid[naive]}
cat naive.rows >naive.logits
wait ${pid[naive]}
echo "naive: exit $?"
cmp naive.text dense.text && cmp naive.logits dense.logits && [ -s naive.text ] && echo "the same text and logits"
wick pack src --type bf16 -o model.gguf 2>/dev/null
echo "afterwards: exit $?"
