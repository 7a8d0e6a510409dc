# A release build has a guard on the stack, checked string functions, and a table of functions that cannot be written.
wick=$(command -v wick)
build=${WICK_BUILD-$WICK_SOURCE/build}
command -v readelf >/dev/null || { echo "readelf is not installed"; exit 77; }
readelf -W --dyn-syms "$wick" >symbols
readelf -W -d -l "$wick" >program
if grep -qE '__(a|t|ub)san_' symbols; then
	echo "a build with sanitizers is not hardened"
	exit 77
fi
grep -q __stack_chk_fail symbols && echo "a guard on the stack"
grep -qE '__(sn|vsn|fd_|mem|f)[a-z]*_chk' symbols && echo "checked functions"
grep -q GNU_RELRO program && grep -q BIND_NOW program && echo "full RELRO"

# No symbol tells how much is checked: that is in how each file of the program is compiled, and in what it does.
python3 - "$build/compile_commands.json" <<'PY'
import json, re, sys
units = [unit for unit in json.load(open(sys.argv[1])) if unit["output"].startswith(("io/", "kernels/", "src/", "tools/"))]
levels = [re.findall(r"[DU]_FORTIFY_SOURCE\S*", unit["command"])[-1:] for unit in units]
wrong = [unit["file"] for unit, level in zip(units, levels) if level != ["D_FORTIFY_SOURCE=3"]]
print("compiled for the third level:", "all" if len(units) > 100 and not wrong else f"{len(units)} but {wrong}")
PY
status=$({ "$build/tests/cli/overflow" >said 2>&1; echo $?; } 2>/dev/null)
case $status in
77 | 134) echo "sizes that are known only when it runs" ;;
*) echo "exit $status: $(cat said)" ;;
esac
