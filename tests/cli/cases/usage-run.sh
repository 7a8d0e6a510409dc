misuse run
misuse run model.gguf
misuse run model.gguf -p a -f b
misuse run model.gguf second.gguf -p a
misuse run model.gguf -p
misuse run model.gguf -p a --memory
misuse run model.gguf -p a --memory lots
misuse run model.gguf -p a --memory 0%
misuse run model.gguf -p a --mode fast
misuse run model.gguf -p a --json-schema x
misuse run model.gguf -p a --grammar x
misuse run model.gguf -p a --io aio
misuse run model.gguf -p a --queue-depth 0
misuse run model.gguf -p a --queue-depth 4097
misuse run model.gguf -p a --chunk-size 1kB
misuse run model.gguf -p a --chunk-size 512
misuse run model.gguf -p a --chunk-size 65M
misuse run model.gguf -p a --chunk-size 5000
misuse run model.gguf -p a --threads 257
misuse run model.gguf -p a --policy fifo
misuse run model.gguf -p a --policy lru --window 5
misuse run model.gguf -p a --mode dense --trace a.trace
misuse run model.gguf -p a --numa near
misuse plan model.gguf --numa 1x
misuse bench model.gguf --threads 257
misuse eval model.gguf --text a --policy lru --window 5
misuse trace record model.gguf --text a -o b --trace c
misuse run model.gguf -p a --temp hot
misuse run model.gguf -p a --top-p 1.5
misuse run model.gguf -p a -n -5
misuse run model.gguf -p a --seed -1
misuse run model.gguf -p a --cpumask avx2
misuse run model.gguf -p a --json=yes
misuse run model.gguf -p a --warp 9
misuse run model.gguf -p a -w
misuse run model.gguf -p a $'--\e[31mred'
misuse run '' -p a
misuse run model.gguf -p a --memory 60
