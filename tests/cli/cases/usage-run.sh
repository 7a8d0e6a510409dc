misuse run
misuse run model.gguf
misuse run model.gguf -p a -f b
misuse run model.gguf second.gguf -p a
misuse run model.gguf -p
misuse run model.gguf -p a --memory
misuse run model.gguf -p a --memory lots
misuse run model.gguf -p a --memory 0%
misuse run model.gguf -p a --mode fast
misuse run model.gguf -p a --io aio
misuse run model.gguf -p a --queue-depth 0
misuse run model.gguf -p a --queue-depth 4097
misuse run model.gguf -p a --chunk-size 1kB
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
