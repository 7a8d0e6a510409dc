wick --version
