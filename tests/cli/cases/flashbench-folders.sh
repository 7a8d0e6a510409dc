# Folders that take no test file: full, and not to be written.
unshare -rm true 2>/dev/null || { echo "no mount namespace to be had"; exit 77; }
mkdir full fixed
export -f expect refuse
unshare -rm bash -c '
	mount -t tmpfs -o size=2M none full && mount -t tmpfs -o ro none fixed || exit 77
	refuse flashbench full --buffered --size 2M --seconds 0.01
	refuse flashbench fixed --buffered --size 0.5M --seconds 0.01
	echo "left in them:"
	ls -A full fixed
'
