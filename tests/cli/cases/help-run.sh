wick help run
