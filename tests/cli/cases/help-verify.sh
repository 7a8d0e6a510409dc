wick help verify
