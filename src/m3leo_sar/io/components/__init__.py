"""The image components of M3LEO's release, read and written."""
