wick help info
