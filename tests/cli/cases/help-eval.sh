wick help eval
