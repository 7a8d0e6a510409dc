# A drive that is full when a figure is written: said in one line, and no part of it is left, though gnuplot ends well.
command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }
unshare -rm true 2>/dev/null || { echo "no mount namespace to be had"; exit 77; }
wick trace synth -o some.trace --layers 2 --ffn 64 --tokens 64 2>/dev/null
mkdir small
unshare -rm bash -c '
	mount -t tmpfs -o size=4k none small || exit 77
	wick trace stats some.trace --svg small/out.svg >/dev/null
	echo "exit $?"
	ls -A small
' 2>&1
