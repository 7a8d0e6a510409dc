# What is installed: the program, the library, shared and static, with its headers and wick.pc, by which a program of
# others is built, and a manual page that names every command. The shared library shows what the headers declare and
# nothing else; with either the example of the documentation writes two texts at once as it writes each alone. Without
# the tests nothing else is built.
build=${WICK_BUILD-$WICK_SOURCE/build}
[ -e "$build/docs/wick.1" ] || { echo "scdoc is not installed, or was not when the build was set up"; exit 77; }
meson install -C "$build" --no-rebuild --destdir "$PWD/root" >log 2>&1 || cat log
option() {
	meson introspect "$build" --buildoptions |
		python3 -c 'import json, sys; print(*[o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]])' $1
}
(cd root && find . -type f) | sed -E "s|^.$(option prefix)/||; s|^lib[^/]*/([^/]*-linux-gnu/)?|lib/|" | sort
export PKG_CONFIG_PATH=$(dirname "$(find root -name wick.pc)") PKG_CONFIG_SYSROOT_DIR=$PWD/root
flags=
[ "$(option b_sanitize)" = none ] || flags=-fsanitize=$(option b_sanitize)
[ "$(option b_coverage)" = False ] || flags+=" --coverage"
folder=$(dirname "$(find root -name libwick.a)")
cc $flags "$WICK_SOURCE/docs/example.c" -o example $(pkg-config --cflags --libs wick) -Wl,-rpath,"$PWD/$folder"
# Of what the library needs only wick itself is linked statically: Debian has not all that libzip.a would need.
cc $flags "$WICK_SOURCE/docs/example.c" -o example-static $(pkg-config --cflags wick) "$folder/libwick.a" \
	$(PKG_CONFIG_SYSROOT_DIR= pkg-config --libs $(pkg-config --print-requires-private wick)) -pthread -lm
./example nowhere.gguf x 2>&1
program=$(find root -name wick -type f -perm -u+x)
$program pack synthetic:opt-tiny -o tiny.gguf 2>log || cat log
for text in 'One text' 'and another'; do
	./example tiny.gguf "$text"
done >alone
for example in example example-static; do
	./$example tiny.gguf 'One text' 'and another' | cmp - alone && echo "$example: two texts at once are those alone"
done
readelf -d example | sed -n 's/.*NEEDED.*\[\(libwick.*\)\]/\1/p'
nm -D --defined-only "$folder/libwick.so" | sed -n 's/.* T \(.*\)@@WICK_0.2$/\1/p' | sort >shown
python3 - root"$(option prefix)"/include/wick/*.h >declared <<'EOT'
import re, sys
headers = "".join(open(path).read() for path in sys.argv[1:])
print(*sorted(re.findall(r"^WICK_API [^;(]*?(wick_\w+)\(", headers, re.M)), sep="\n")
EOT
diff declared shown && nm -D --defined-only "$folder/libwick.so" | grep -v '@@WICK_0.2\| A WICK_0.2$'
for command in $(wick help | sed -n 's/^  \([a-z]*\)   .*/\1/p'); do
	grep -q "^\*$command" "$WICK_SOURCE/docs/wick.1.scd" || echo "$command is not in the manual page"
done
meson setup bare "$WICK_SOURCE" -Dtests=false >log 2>&1 || cat log
meson introspect bare --targets | python3 -c '
import json, sys
print("built:", *[t["name"] for t in json.load(sys.stdin) if t["type"] == "executable" and t["build_by_default"]])'
