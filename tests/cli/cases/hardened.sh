# A release build has a guard on the stack, checked string functions, and a table of functions that cannot be written.
wick=$(command -v wick)
command -v readelf >/dev/null || { echo "no readelf"; exit 77; }
readelf -W --dyn-syms "$wick" >symbols
readelf -W -d -l "$wick" >program
if grep -qE '__(a|t|ub)san_' symbols; then
	echo "a build with sanitizers is not hardened"
	exit 77
fi
grep -q __stack_chk_fail symbols && echo "a guard on the stack"
grep -qE '__(sn|vsn|fd_|mem|f)[a-z]*_chk' symbols && echo "checked functions"
grep -q GNU_RELRO program && grep -q BIND_NOW program && echo "full RELRO"
