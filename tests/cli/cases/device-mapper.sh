# A drive that errs, is late or wrong in the kernel's block layer: what tests/fuse does below the page cache, here below
# a real file system and its direct reads. Either the same logits, or one sentence that names file and place.
name=wick-cli-$$
[ "$(id -u)" = 0 ] || { echo "only root may make block devices"; exit 77; }
for tool in dmsetup losetup mkfs.ext4 filefrag; do
	command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
modprobe -qa loop dm-mod dm-flakey dm-delay 2>/dev/null
for target in linear error flakey delay; do
	dmsetup targets 2>/dev/null | grep -q "^$target " || { echo "no device-mapper target '$target' in this kernel"; exit 77; }
done
truncate -s 64M image
loop=$(losetup -f --show image 2>/dev/null) || { echo "no loop device to be had"; exit 77; }
sectors=$((64 * 2048))

put_away() {
	umount disk 2>/dev/null
	dmsetup remove --noudevsync --retry $name 2>/dev/null
	losetup -d $loop
}
trap put_away EXIT

# Each line of a table: first sector, sectors, what they are.
linear() {
	echo "$1 $2 linear $loop $1"
}

whole() {
	linear 0 $sectors
}

# struck WHAT...: some sectors of the model are that
struck() {
	linear 0 $from
	echo "$from $some $*"
	linear $((from + some)) $((sectors - from - some))
}

# Read as ever, not written.
unwritable() {
	echo "0 $sectors flakey $loop 0 0 60 1 error_writes"
}

# becomes TABLE...: what the drive is from now on
becomes() {
	"$@" | dmsetup load $name && dmsetup suspend --nolockfs $name && dmsetup resume --noudevsync $name
}

# is TABLE...: likewise, and nothing of it stays in the page cache
is() {
	umount disk
	becomes "$@"
	mount -o $access $drive disk
}

# Whether the sentence names the file and an offset among those sectors, or before them in what is read at once.
names_the_place() {
	local offset

	grep -q '^wick run: disk/model.gguf: ' said && [ "$(grep -c '^wick run' said)" = 1 ] || return
	offset=$(sed -n 's/.* at offset \([0-9]*\).*/\1/p' said)
	[ -n "$offset" ] && [ $offset -gt $((at - 65536)) ] && [ $offset -lt $((at + 512 * some)) ]
}

# run [WORD...]: with these options
run() {
	local status

	wick run disk/model.gguf -p 'every word or id' -n 4 --temp 0 --mode naive --logits logits "$@" >text 2>said
	status=$?
	if [ $status = 0 ]; then
		cmp -s text wanted && cmp -s logits wanted-logits && echo "$*: the same" || echo "$*: WRONG"
	elif [ $status = 1 ] && names_the_place; then
		echo "$*: $(sed -n '/^wick run/s/.*: //p' said)"
	else
		echo "$*: exit $status"
		cat said
	fi
	rm -f text logits
}

all_ways() {
	echo "$1:"
	run --io uring
	run --io pread
	run --io mmap --buffered
}

packed plain-f32
wick run model.gguf -p 'every word or id' -n 4 --temp 0 --mode naive --logits wanted-logits >wanted 2>/dev/null
whole | dmsetup create --noudevsync $name || { echo "no device to be had"; exit 77; }
drive=/dev/$(dmsetup info -c --noheadings -o blkdevname $name)
[ -b $drive ] || { echo "no device node to be had"; exit 77; }
mkfs.ext4 -q -O ^has_journal $drive
mkdir disk
mount $drive disk
mv model.gguf disk
sync -f disk
at=$(($(stat -c %s disk/model.gguf) * 6 / 10 / 4096 * 4096)) some=32
filefrag -e -b512 disk/model.gguf >extents
from=$(awk -v sector=$((at / 512)) -F '[.:[:space:]]+' '$2 ~ /^[0-9]+$/ && $3 <= sector && sector <= $4 { print $5 + sector - $3 }' extents)
[ -n "$from" ] || cat extents

access=ro
is whole
all_ways "well"
is struck delay $loop $from 100
all_ways "100 ms late"
is struck error
all_ways "errors for ever"
is struck linear $loop $((from + some))
all_ways "what stands elsewhere"
is whole
all_ways "well again"

# Nothing answers for two seconds in the midst of a run.
dmsetup suspend --noflush --nolockfs $name
(sleep 2; dmsetup resume --noudevsync $name) &
run --io uring
wait

# What cannot be written is not there, and what was there before is as it was.
rm -r src
fixture sharded-f16
access=rw
is whole
cp -p disk/model.gguf before
sync -f disk
becomes unwritable
wick pack src -o disk/model.gguf 2>said
echo "unwritable: exit $?, $(sed "s|$(pwd -P)/||" said)"
is whole
ls disk
cmp disk/model.gguf before
