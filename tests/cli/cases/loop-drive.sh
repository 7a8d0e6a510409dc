# A drive of 4096-byte blocks: a model that is packed for it is read directly, another is not and is told how; so is a
# stock file; and the file system can be unmounted as soon as wick has ended.
[ "$(id -u)" = 0 ] || { echo "only root may make block devices"; exit 77; }
modprobe -qa loop 2>/dev/null
truncate -s 64M image
loop=$(losetup -f --show --sector-size 4096 image 2>/dev/null) || { echo "no loop device to be had"; exit 77; }
put_away() {
	for i in 1 2 3 4 5 6 7 8; do
		umount disk 2>/dev/null || ! mountpoint -q disk && break
		sleep 0.1
	done
	losetup -d $loop
}
trap put_away EXIT
command -v mkfs.ext4 >/dev/null || { echo "mkfs.ext4 is not installed"; exit 77; }
mkfs.ext4 -q -F $loop && mkdir disk && mount $loop disk || { echo "no file system to be had"; exit 77; }
[ "$(cat /sys/block/${loop#/dev/}/queue/logical_block_size)" = 4096 ] || { echo "no blocks of 4096 bytes"; exit 77; }

fixture plain-f32
wick pack src -o disk/model.gguf 2>&1 | grep -o 'neurons lie .*'
wick pack src --align 512 -o disk/small.gguf 2>/dev/null
for name in model small; do
	echo "$name: $(wick info disk/$name.gguf | grep -i stride | tr -s ' ')"
	wick run disk/$name.gguf -p a -n 2 --mode sparse --seed 1 -v 2>&1 >/dev/null | grep -E 'not direct|uring, |pread, ' | sed 's/^ *//'
done

# A stock file, whose tensors lie at multiples of 32 bytes, is read directly by the blocks that cover them.
cp "$WICK_SOURCE/tests/golden/fixtures/stock/mistral-window-f16/model.gguf" stock.gguf
cp stock.gguf disk/stock.gguf
for mode in dense naive; do
	wick run disk/stock.gguf -p ab -n 12 --mode $mode --temp 0 -v 2>&1 >there | grep -E 'uring, |pread, ' | sed 's/^ *//'
	wick run stock.gguf -p ab -n 12 --mode dense --temp 0 >here 2>/dev/null
	cmp here there && echo "stock, $mode: the same text"
done

busy=0
for i in 1 2 3 4 5 6 7 8; do
	wick run disk/model.gguf -p a -n 2 --mode naive >/dev/null 2>&1 || echo "exit $?"
	umount disk || busy=$((busy + 1))
	mountpoint -q disk || mount $loop disk
done
echo "busy: $busy of 8"
