wick help chat
