packed plain-f32
: >empty.txt
printf 'cut \303' >cut.txt
printf 'word %.0s' {1..3000} >long.txt
refuse run model.gguf -p ''
refuse run model.gguf -f empty.txt
refuse run model.gguf -f nowhere.txt
refuse run model.gguf -f .
wick run model.gguf -f long.txt --temp 0
wick run model.gguf -p 'a few words' --ctx 2
