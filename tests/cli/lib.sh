# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
#
# What cases have at hand: models to break, and ways of breaking them.

# fixture NAME: copies a checkpoint of the golden tests to ./src
fixture() {
	cp -r "$WICK_SOURCE/tests/golden/fixtures/$1" src
	chmod -R u+w src
}

# packed NAME: that checkpoint, packed as ./model.gguf
packed() {
	fixture "$1"
	wick pack src -o model.gguf 2>/dev/null
}

# cut FILE BYTES: keeps only so much
cut_file() {
	truncate -s "$2" "$1"
}

# flip FILE OFFSET: one bit
flip() {
	local byte

	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# edit_header FILE CODE: Python that changes h, the header of a safetensors file; data stays as it is
edit_header() {
	python3 - "$@" <<-'PY'
	import json, struct, sys
	path, code = sys.argv[1:]
	with open(path, "rb") as f:
	    h = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
	    data = f.read()
	exec(code)
	head = json.dumps(h).encode()
	with open(path, "wb") as f:
	    f.write(struct.pack("<Q", len(head)) + head + data)
	PY
}

# edit_json FILE CODE: Python that changes j
edit_json() {
	python3 - "$@" <<-'PY'
	import json, sys
	path, code = sys.argv[1:]
	j = json.load(open(path))
	exec(code)
	json.dump(j, open(path, "w"))
	PY
}

# expect STATUS WORD...: a command that must fail with this exit status, one line, and leave nothing new behind
expect() {
	local before status wanted=$1
	shift

	before=$(ls -A)
	"$@" >.said 2>&1
	status=$?
	cat .said
	[ $status = "$wanted" ] || echo "exit $status"
	[ "$(wc -l <.said)" = 1 ] || echo "not one line"
	rm .said
	[ "$(ls -A)" = "$before" ] || { echo "left behind:"; ls -A; }
}

refuse() {
	expect 1 wick "$@"
}

misuse() {
	expect 2 wick "$@"
}

# writes PID TEMPORARY: whether it has a file of this folder open that was made without a name (and shows as #INODE), or
# there is one of that name. The thread sanitizer, too, begins with a file here that it has removed.
writes() {
	compgen -G "$2" >/dev/null || [ "$(find /proc/$1/fd -lname "$(pwd -P)/#*(deleted)" 2>/dev/null)" ]
}

# smallest_budget MODEL OPTION...: the bytes under which it works, as plan says, and what a process takes more at another
# time. A build with sanitizers needs more than others.
smallest_budget() {
	local bytes

	bytes=$(wick plan "$@" --memory 1M 2>&1 | sed -n 's/.*(--memory \([0-9]*\)).*/\1/p')
	echo $((bytes + 256 * 1024))
}
