misuse eval
misuse eval model.gguf
misuse eval model.gguf --text
misuse eval model.gguf --text ''
misuse eval model.gguf --text a --tokens 0
misuse eval model.gguf --text a --tokens some
misuse eval model.gguf --text a -p b
