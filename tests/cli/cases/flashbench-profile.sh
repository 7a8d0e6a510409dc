export XDG_CACHE_HOME=$PWD/cache
wick flashbench . --size 1M --chunks 4k,16k --depths 1,4 --seconds 0.02 --buffered --io pread --save-profile 2>err >/dev/null
path=$(sed -n 's/^profile saved: //p' err)
[ -n "$path" ] && case $path in "$PWD"/cache/wick/*.pread.buffered.json) echo saved in the cache ;; esac
sed -E 's/: [0-9.e+-]+/: N/; s/"(device|model)": ".*"/"\1": "..."/' "$path"
# A place that cannot be written is a failure, and says so.
: >file
XDG_CACHE_HOME=$PWD/file refuse flashbench . --size 1M --chunks 4k,16k --depths 1 --seconds 0.01 --buffered --save-profile 2>&1 |
	grep "^wick" | sed "s|$PWD|.|"
