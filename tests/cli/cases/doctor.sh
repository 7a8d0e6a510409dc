# What it looks at; the answers are this machine's own, and two depend on others.
wick doctor | awk '{print substr($0, 1, 13)}' | grep -vE '^( |locked memory|profile)' | sed 's/ *$//'
wick doctor --json | sed -nE 's/^ *"(path|ok|essential|name)": (.*)/\1/p' | sort -u
# A fix wherever something could be better, and nowhere else.
wick doctor | awk '/ fix: / && last != "no" {print "fix without a no: " $0} {last = substr($0, 16, 2)}'
# An OpenBLAS that takes the processor for an old one.
if grep -qw avx2 /proc/cpuinfo; then
	OPENBLAS_CORETYPE=Prescott wick doctor | grep -A1 '^OpenBLAS .*Prescott' | grep -qE 'fix: .*=(Haswell|SkylakeX),' ||
		echo "no better core for OpenBLAS"
	OPENBLAS_CORETYPE=Haswell wick doctor | grep -A1 '^OpenBLAS' | grep fix:
fi
head -c 8192 /dev/zero >file
wick doctor file >said || echo "a file is as good as a folder"
expect 1 wick doctor nowhere >said
grep -E '^(path|wick)' said
mkdir folder
wick doctor folder >/dev/null
ls -A . folder
misuse doctor a b
