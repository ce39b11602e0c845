"""How far regions lie apart."""
