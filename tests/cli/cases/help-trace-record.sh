wick help trace record
