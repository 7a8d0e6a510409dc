wick help
