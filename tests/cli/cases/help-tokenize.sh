wick help tokenize
