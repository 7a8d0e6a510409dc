wick help trace
