wick help bench
