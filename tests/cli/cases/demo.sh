# What tools/demo shows and says holds: its predictors belong to the model as it is packed now, and its last sentences.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o opt-8m.gguf 2>/dev/null
cp "$WICK_SOURCE/tools/demo-model/opt-8m.pred.gguf" .
command=$(sed -n 's/^show $wick run .demo.opt-8m.gguf //p' "$WICK_SOURCE/tools/demo")
prompt=$(sed -n "s/^prompt='\(.*\)'/\1/p" "$WICK_SOURCE/tools/demo")
model=opt-8m.gguf
eval "set -- $command"
write() {
	local name=$1
	shift

	wick run "$model" "$@" >"$name" 2>said && echo "$name: ok" || tail -n 1 said
}
write demo -v "$@"
grep -o 'neurons chosen by [a-z]* predictors' said
write sparse-48 "$@" --memory 48%
write dense-35 "$@" --memory 35% --mode dense
write dense-90 "$@" --memory 90% --mode dense
write naive-35 "$@" --memory 35% --mode naive
cmp demo sparse-48 && cmp dense-35 dense-90 && cmp dense-35 naive-35 && echo "the same"

# So do the last ones, of the model with experts.
command=$(sed -n 's/^show $wick run .demo.moe-16m.gguf //p' "$WICK_SOURCE/tools/demo")
eval "set -- $command"
cp "$WICK_SOURCE/tools/demo-model/moe-16m.gguf" .
model=moe-16m.gguf
write experts "$@"
write experts-35 "$@" --memory 35%
write experts-100 "$@" --memory 100%
cmp experts experts-35 && cmp experts experts-100 && echo "the same"
