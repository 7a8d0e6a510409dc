fixture plain-f32
wick pack src -o model.gguf --type bf16 2>/dev/null
ls
wick verify model.gguf
wick info model.gguf
wick info model.gguf --json | python3 -c 'import json, sys; json.load(sys.stdin)'

# A name with a zero byte in it, in a header whose checksums are right.
python3 - <<'PY'
import os, struct, sys
sys.path.insert(0, os.environ["WICK_SOURCE"] + "/tests/fuzz")
sys.dont_write_bytecode = True
from make_gguf import crc32c

model = bytearray(open("model.gguf", "rb").read())
at = model.index(b"wick.checksums") + 14
dims = struct.unpack_from("<I", model, at)[0]
count = struct.unpack_from("<Q", model, at + 4 + 8 * (dims - 1))[0]
offset = struct.unpack_from("<Q", model, at + 4 + 8 * dims + 4)[0]
header = next(h for h in range(4096, len(model), 4096)
    if struct.unpack_from("<I", model, h + offset + 4 * count - 8)[0] == crc32c(model[:h]))
name = model.index(b"general.name") + 12 + 4 + 8
model[name + 1] = 0
end = header + offset + 4 * count
struct.pack_into("<I", model, end - 8, crc32c(model[:header]))
struct.pack_into("<I", model, end - 4, crc32c(model[header + offset:end - 4]))
open("zero.gguf", "wb").write(model)
PY
wick verify zero.gguf
wick info zero.gguf | grep '^name'
wick info zero.gguf --json | grep '"name"'
