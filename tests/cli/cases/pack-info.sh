fixture plain-f32
wick pack src -o model.gguf --type bf16 2>/dev/null
ls
wick verify model.gguf
wick info model.gguf
wick info model.gguf --json | python3 -c 'import json, sys; json.load(sys.stdin)'
