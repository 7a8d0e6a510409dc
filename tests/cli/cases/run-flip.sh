# A run never computes with a wrong bit: it says where it is, or had no use for it.
packed plain-f32
write() {
	wick run model.gguf -p 'every word or id' -n 4 --temp 0 --mode naive
}
write >wanted 2>/dev/null
size=$(stat -c %s model.gguf)
found=0
for ((at = 0; at < size; at += 4 * 4096)); do
	flip model.gguf $at
	write >got 2>said
	status=$?
	if [ $status = 1 ] && tail -n 1 said | grep -q '^wick run: model.gguf'; then
		found=$((found + 1))
		grep -q 'at offset' said && last=$at
	elif [ $status != 0 ] || ! cmp -s wanted got; then
		echo "byte $at: exit $status"
		cat said
	fi
	flip model.gguf $at
done
echo "$found of $(((size + 16383) / 16384)) found"

# Unless it was told not to look, which it repeats.
flip model.gguf $last
wick run model.gguf -p 'every word or id' -n 4 --temp 0 --mode naive --no-verify >/dev/null 2>said
echo "exit $?"
sed -n "s/.*\(not verified.*\)/\1/p" said
