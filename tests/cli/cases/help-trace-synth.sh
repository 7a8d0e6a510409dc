wick help trace synth
