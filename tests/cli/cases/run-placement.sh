# Placement changes speed, never the answer: text and logits are the same to the bit.
packed plain-f32
write() {
	wick run model.gguf -p 'the thing and the other' -n 12 --temp 0 --logits "$@" 2>said || cat said
}
write wanted.f32 >wanted.txt
smallest=$(write got.f32 --memory 1M | sed -n 's/.*--memory \([0-9]*\)).*/\1/p')
echo "$(stat -c %s wanted.f32) bytes of logits"
for options in '--mode naive' '--mode hybrid' '--io pread' '--io mmap' '--buffered' '--queue-depth 1' '--queue-depth 64' \
	'--chunk-size 4k' '--threads 1' '--threads 2' "--memory $smallest" "--mode naive --io pread --threads 1"; do
	write got.f32 $options >got.txt
	cmp wanted.f32 got.f32 && cmp wanted.txt got.txt && echo "same with ${options/$smallest/the least}"
done
