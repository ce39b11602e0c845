"""Distribution shift between regions."""
