misuse trace
misuse trace foo
misuse help trace foo
misuse trace stats
misuse trace stats --capacity 25, t
misuse trace stats --capacity 0 t
misuse trace stats --capacity 101 t
misuse trace synth
misuse trace synth -o t --active 0
misuse trace synth -o t --active 0.98
misuse trace synth -o t --zipf 17
misuse trace synth -o t --zipf -1
misuse trace synth -o t --tokens 0
misuse trace synth -o t --like m --layers 2
misuse trace record
misuse trace record m -o t
misuse trace record m --text f
misuse trace record m --text f -o t --tokens 0
