# Results that cannot be written are a failure, and it says so.
packed plain-f32
wick help >/dev/full
echo "exit $?"
wick info model.gguf >/dev/full
echo "exit $?"
wick run model.gguf -p a -n 2 2>said >/dev/full
echo "exit $?"
wick run model.gguf -p a -n 2 --json 2>>said >/dev/full
echo "exit $?"
wick run model.gguf -p a -n 2 --stats /dev/full 2>>said >/dev/null
echo "exit $?"
wick run model.gguf -p a -n 2 --logits /dev/full 2>>said >/dev/null
echo "exit $?"
wick run model.gguf -p a -n 2 --stats nowhere/stats.json 2>>said >/dev/null
echo "exit $?"
# What fails in the midst has the same reason in the end.
XDG_CACHE_HOME=$PWD wick flashbench . --size 1M --chunks 4k,8k --depths 1 --seconds 0.01 --buffered --io pread \
	--save-profile 2>>said >/dev/full
echo "exit $?"
grep '^wick' said
