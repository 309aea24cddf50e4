"""The commands of run.py, one file each. They may import everything below them; nothing imports this."""
