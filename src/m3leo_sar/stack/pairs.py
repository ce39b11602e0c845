"""Date pairs and the rules that choose them."""
