wick help flashbench
