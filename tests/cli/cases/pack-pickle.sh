# A checkpoint that names anything but what a checkpoint needs is refused, and nothing of it runs.
fixture bin-hub-f16
python3 - <<'PY'
import zipfile
with zipfile.ZipFile("src/pytorch_model.bin", "w") as z:
    z.writestr("archive/data.pkl", b"\x80\x02cposix\nsystem\nX\x0d\x00\x00\x00touch was-here\x85R.")
    z.writestr("archive/version", b"3\n")
PY
refuse pack src -o out.gguf
python3 - <<'PY'
import zipfile
with zipfile.ZipFile("src/pytorch_model.bin", "w") as z:
    z.writestr("archive/data.pkl", b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.")
    z.writestr("archive/version", b"3\n")
PY
refuse pack src -o out.gguf
python3 - <<'PY'
import zipfile
with zipfile.ZipFile("src/pytorch_model.bin", "w") as z:
    z.writestr("archive/version", b"3\n")
PY
refuse pack src -o out.gguf
echo "no zip" >src/pytorch_model.bin
refuse pack src -o out.gguf
