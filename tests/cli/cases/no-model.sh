mkdir folder
: >empty.gguf
echo "this is no model" >text.gguf
for model in nowhere.gguf folder empty.gguf text.gguf; do
	refuse run $model -p a
	refuse plan $model
	refuse info $model
	refuse verify $model
done
refuse pack text.gguf -o new.gguf
