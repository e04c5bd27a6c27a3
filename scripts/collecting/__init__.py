"""scripts/collect: the readings of all devices, from a broker into a database, each once.

In: MQTT messages (mqtt_source.py). Out: rows (rows.py) in SQLite (sqlite.py) or PostgreSQL (postgresql.py, migrate.py).
collector.py is the loop between the two; missing.py asks devices for readings that the database does not have.
"""
