fixture plain-f32
: >file
mkdir folder
refuse pack src -o nowhere/out.gguf
refuse pack src -o file/out.gguf
refuse pack src -o folder
refuse pack src -o /dev/full
refuse pack src -o /proc/out.gguf | sed -E 's/: (cannot be created: )?(Permission denied|No such .*)$/: refused/' # it depends on who asks
# What was there stays when packing fails.
printf "GGUF, old\n" >out.gguf
rm src/model.safetensors
refuse pack src -o out.gguf
cat out.gguf
