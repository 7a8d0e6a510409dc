tiny='--size 2M --chunks 4k,16k --depths 1,2 --threads 1,3 --seconds 0.02 --buffered --io pread'
mkdir bin
ln -s "$(command -v wick)" bin/wick
expect 1 env PATH="$PWD/bin" wick flashbench . $tiny --svg out.svg
command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }
wick flashbench . $tiny --svg depths.svg >/dev/null 2>&1
wick flashbench . $tiny --svg threads.svg --lines threads >/dev/null 2>&1
for figure in depths threads; do
	echo "$figure:"
	# In what order the labels are drawn depends on gnuplot's version.
	sed -nE 's|.*<text>(<tspan[^>]*>)?([^<]*[a-zB][^<]*)<.*|\2|p' $figure.svg | sed -E 's/reads, .*, buffered/reads, DRIVE, buffered/' | sort
done
# A figure that cannot be written is a failure, though gnuplot ends well.
wick flashbench . $tiny --svg /dev/full 2>said >/dev/null
echo "exit $?, $(grep ^wick said)"
