# What cannot be trained is refused, with one line; what was trained is taken from then on.
packed sharded-f16
expect 2 wick train
expect 2 wick train model.gguf
expect 2 wick train model.gguf --text
expect 1 wick train model.gguf --text nowhere
expect 1 wick train model.gguf --text src/config.json
seq 1 30000 >numbers
wick train model.gguf --text numbers src/config.json --tokens 12288 --steps 30 --bytes 30% --ahead-bytes 15% --threads 2 >said &&
	sed "s|[0-9.]*%|%|g; s| [0-9.]*$||" said
ls
