# What is installed: the program, the library with its headers and wick.pc, by which a program of others is built, and a
# manual page that names every command. Without the tests nothing else is built.
build=${WICK_BUILD-$WICK_SOURCE/build}
meson install -C "$build" --no-rebuild --destdir "$PWD/root" >log 2>&1 || cat log
option() {
	meson introspect "$build" --buildoptions |
		python3 -c 'import json, sys; print(*[o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]])' $1
}
(cd root && find . -type f) | sed -E "s|^.$(option prefix)/||; s|^lib[^/]*/([^/]*-linux-gnu/)?|lib/|" | grep -v '^share/man' | sort
cat >try.c <<'EOT'
#include <stdio.h>
#include <wick/wick.h>
int main(void)
{
	struct wick_diag diag;
	struct wick_options options;
	struct wick *wick;

	wick_options_init(&options);
	if (wick_open(&wick, "nowhere.gguf", &options, &diag))
		puts(diag.text);
}
EOT
export PKG_CONFIG_PATH=$(dirname "$(find root -name wick.pc)") PKG_CONFIG_SYSROOT_DIR=$PWD/root
flags=
[ "$(option b_sanitize)" = none ] || flags=-fsanitize=$(option b_sanitize)
[ "$(option b_coverage)" = False ] || flags+=" --coverage"
cc $flags try.c -o try $(pkg-config --cflags --libs wick) && ./try
for command in $(wick help | sed -n 's/^  \([a-z]*\)   .*/\1/p'); do
	grep -q "^\*$command" "$WICK_SOURCE/docs/wick.1.scd" || echo "$command is not in the manual page"
done
meson setup bare "$WICK_SOURCE" -Dtests=false >log 2>&1 || cat log
meson introspect bare --targets | python3 -c '
import json, sys
print("built:", *[t["name"] for t in json.load(sys.stdin) if t["type"] == "executable" and t["build_by_default"]])'
