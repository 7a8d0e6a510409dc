fixture plain-f32
mkdir small
unshare -rm true 2>/dev/null || { echo "no mount namespace to be had"; exit 77; }
export -f expect refuse
unshare -rm bash -c '
	mount -t tmpfs -o size=64k none small || exit 77
	refuse pack src -o small/out.gguf
	echo "left in it:"
	ls -A small
'
