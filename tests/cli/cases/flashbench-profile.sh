export XDG_CACHE_HOME=$PWD/cache
buffered='--seconds 0.02 --buffered --io pread'
# Nothing to check yet.
wick flashbench . --size 16k $buffered --check-profile 1 2>&1 | tail -n 1
wick flashbench . --size 1M --chunks 4k,16k --depths 1,4 $buffered --save-profile 2>err >/dev/null
path=$(sed -n 's/^profile saved: //p' err)
[ -n "$path" ] && case $path in "$PWD"/cache/wick/*.pread.buffered.json) echo saved in the cache ;; esac
sed -E 's/: [0-9.e+-]+/: N/; s/"(device|model)": ".*"/"\1": "..."/' "$path"
# Held against the drive. The file has room for one bundle, so that it does not take long.
shape='s/x +[0-9]+/x N/; s/[+-]?[0-9]+\.[0-9]/N/g; s/ +/ /g'
wick flashbench . --size 16k $buffered --check-profile 1 2>err | sed -E "$shape"
grep -c combination err
wick flashbench . --size 16k --chunks 4k,16k --depths 1,4 $buffered --save-profile --check-profile 1 --json 2>/dev/null |
	grep -A 20 profile_check | sed -E 's/: -?[0-9.e+-]+/: N/'
# A place that cannot be written is a failure, and says so before anything is measured.
: >file
small='--size 1M --chunks 4k,16k --depths 1 --seconds 0.01 --buffered --save-profile'
XDG_CACHE_HOME=$PWD/file refuse flashbench . $small 2>&1 | sed "s|$PWD|.|"
expect 1 env -u HOME -u XDG_CACHE_HOME wick flashbench . $small
# One where saving fails in the end takes no other file with it.
rm "$path"
mkdir "$path"
wick flashbench . $small --io pread --csv table.csv >/dev/null 2>err
echo "exit $?"
sed -n "s|$path|PROFILE|; /^wick/p" err
wc -l <table.csv
