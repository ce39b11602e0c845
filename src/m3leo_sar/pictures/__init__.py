"""Arrays, chips, archives and networks as pictures and reports."""
