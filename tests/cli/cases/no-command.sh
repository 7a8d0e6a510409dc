wick
