"""Files on servers: addresses, requests, ranges of bytes, the index of what lies where."""
