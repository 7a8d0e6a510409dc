wick unkown
