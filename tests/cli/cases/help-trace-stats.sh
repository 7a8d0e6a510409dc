wick help trace stats
