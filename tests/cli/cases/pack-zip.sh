# The sizes in a zip's directory are lies, one way and the other; and the file is cut. Who finds out, the zip library or
# wick, depends on the library's version.
fixture bin-hub-f16
cp src/pytorch_model.bin kept
lie() {
	cp kept src/pytorch_model.bin
	python3 - "$1" <<-'PY'
	import struct, sys
	path = "src/pytorch_model.bin"
	b = bytearray(open(path, "rb").read())
	at = b.index(b"PK\x01\x02")
	while not b[at + 46:at + 46 + struct.unpack_from("<H", b, at + 28)[0]].endswith(b"/data/0"):
	    at = b.index(b"PK\x01\x02", at + 46)
	size = struct.unpack_from("<I", b, at + 24)[0]
	struct.pack_into("<II", b, at + 20, *[eval(sys.argv[1], {"size": size})] * 2)
	open(path, "wb").write(b)
	PY
	refuse pack src -o out.gguf | sed 's/bin: .*/bin: .../'
}
lie 'size - 2'
lie 'size + 64'
lie '0xfffffff0'
lie '0'
for bytes in 100 $(($(stat -c %s kept) / 2)) $(($(stat -c %s kept) - 1)); do
	cp kept src/pytorch_model.bin
	cut_file src/pytorch_model.bin $bytes
	refuse pack src -o out.gguf | sed 's/bin: .*/bin: .../'
done

# One bit of the first and of the last number of every storage, one at a time: also of rows that nothing is packed of,
# with so little memory that a layer takes two turns.
cp kept src/pytorch_model.bin
places=$(python3 - <<'PY'
import struct, zipfile
path = "src/pytorch_model.bin"
b = open(path, "rb").read()
for entry in zipfile.ZipFile(path).infolist():
    if "/data/" in entry.filename:
        at = entry.header_offset + 30 + sum(struct.unpack_from("<HH", b, entry.header_offset + 26))
        print(at, at + entry.file_size - 2)
PY
)
least=$(wick pack src -o out.gguf --memory 1M 2>&1 | grep -o '[0-9]* bytes' | head -1)
found=0 missed=0
for at in $places; do
	cp kept src/pytorch_model.bin
	flip src/pytorch_model.bin $at
	wick pack src -o out.gguf --memory ${least% bytes} 2>said && missed=$((missed + 1))
	grep -q 'bin: .*: CRC error' said && found=$((found + 1))
done
echo "$found found, $missed missed"
