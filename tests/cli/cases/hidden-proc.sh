# Where /proc shows processes and no more (systemd's ProcSubset=pid, some containers): what cannot be read is not zero.
unshare -rm true 2>/dev/null || { echo "no mount namespace to be had"; exit 77; }
packed plain-f32
wick doctor | grep '^processor' >processor
hidden() {
	unshare -rm bash -c 'mount --bind /dev/null /proc/meminfo && mount --bind /dev/null /proc/cpuinfo && exec "$@"' - "$@"
}
hidden true 2>/dev/null || { echo "/proc cannot be hidden here"; exit 77; }
hidden wick run model.gguf -p a -n 4 --seed 1 >text 2>said
echo "run without --memory: exit $?"
wick run model.gguf -p a -n 4 --seed 1 2>/dev/null | cmp - text
hidden wick doctor >said
echo "free memory: $(grep -c '^memory  *ok  *[1-9]' said)"
# The same instruction sets; the name may be gone.
[ "$(sed 's/.*: //' processor)" = "$(grep '^processor' said | sed -E 's/^processor +ok +//')" ] || grep '^processor' said
