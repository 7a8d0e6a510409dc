# Streams that are closed from the start: nothing else gets their place, least of all a file that is written.
packed plain-f32
wick run model.gguf -p a -n 20 --temp 0 --logits logits >/dev/null 2>&1
wick run model.gguf -p a -n 20 --temp 0 --logits again --stats stats.json 2>&- >text
echo "exit $?"
cmp logits again
rm again
wick run model.gguf -p a -n 20 --temp 0 --logits again >&- 2>said
echo "exit $?, $(grep ^wick said)"
wick run model.gguf -f - <&- 2>&1
echo "exit $?"
# What has nothing to say there needs none of them.
wick pack src -o other.gguf <&- >&- 2>&-
echo "exit $?"
cmp model.gguf other.gguf
ls
