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
