# A drive that the kernel throttles, by a blkio cgroup (version 1, as root): in no cell is flashbench faster than the limit,
# and it has read what the kernel counted. The allowance of a moment, which is there at the beginning, is not much.

[ "$(id -u)" = 0 ] || { echo "only root makes cgroups"; exit 77; }
mount=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup" && ("," $(i + 3) ",") ~ /,blkio,/) { print $5; exit } }' \
	/proc/self/mountinfo)
[ -n "$mount" ] || { echo "no blkio cgroup of version 1"; exit 77; }
cgroup=$mount/wick-cli-$$
mkdir "$cgroup" 2>/dev/null || { echo "no blkio cgroup can be made here"; exit 77; }
trap 'until rmdir "$cgroup" 2>/dev/null; do sleep 0.05; done' EXIT
device=$(stat -c '%Hd:%Ld' .)
disk=$(basename "$(dirname "$(readlink -f /sys/dev/block/$device)")")
[ -e /sys/dev/block/$device/partition ] && device=$(cat /sys/class/block/$disk/dev)
echo "$device 400" >"$cgroup/blkio.throttle.read_iops_device" 2>/dev/null || { echo "the drive cannot be throttled"; exit 77; }

wick flashbench . --size 1M --chunks 4k --depths 1 --seconds 0.01 --json >/dev/null 2>&1 ||
	{ echo "no direct reads here"; exit 77; }
bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$cgroup" \
	wick flashbench . --size 4M --chunks 4k,16k --depths 1,8,64 --seconds 0.4 --json >json 2>said
echo "exit $?"
awk -v device=$device '$1 == device && $2 == "Read" { print $3 }' "$cgroup/blkio.throttle.io_serviced" >counted
[ "$(cat counted)" -gt 0 ] 2>/dev/null || { echo "the kernel counts no reads there"; exit 77; }
python3 - <<'PY'
import json
cells = json.load(open("json"))["cells"]
counted = int(open("counted").read())
reads = sum(cell["reads"] for cell in cells)
print(len(cells), "cells")
print("read no more than was counted:", reads <= counted)
# What is still to come when a cell ends is counted, too: at most a queue for each.
print("and about as many:", counted - reads <= sum(cell["depth"] for cell in cells) + 100)
for cell in cells:
    if cell["reads_per_s"] > 400 * 1.5:
        print("too fast:", cell)
PY
