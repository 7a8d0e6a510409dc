misuse pack
misuse pack src
misuse pack src -o ''
misuse pack src -o out.gguf --type f64
misuse pack src -o out.gguf --align 600
misuse pack src -o out.gguf --align 256
misuse plan
misuse plan model.gguf --memory -1
misuse info
misuse info a b
misuse verify --json model.gguf
misuse help nothing
