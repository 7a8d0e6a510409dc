wick help plan
