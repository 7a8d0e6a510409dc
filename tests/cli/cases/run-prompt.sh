packed plain-f32
: >empty.txt
printf 'word %.0s' {1..3000} >long.txt
printf 'word %.0s' {1..30000} >longer.txt
refuse run model.gguf -p ''
refuse run model.gguf -f empty.txt
refuse run model.gguf -f nowhere.txt
refuse run model.gguf -f .
# Those follow what is in use, which differs from machine to machine.
wick run model.gguf -f long.txt 2>&1 | tail -n 1
wick run model.gguf -f longer.txt 2>&1 | tail -n 1
wick run model.gguf -p 'a few words' --ctx 2 2>&1 | tail -n 1
wick run model.gguf -p 'a few words' --ctx 5000 2>&1 | tail -n 1
