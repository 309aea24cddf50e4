"""The commands of run.py, one file each. Everything here may import config, mediator and backends; nothing imports this."""
