"""The base of our SQLite files, below the rooms that keep one."""
