wick help pack
