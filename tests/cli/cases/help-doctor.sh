wick help doctor
