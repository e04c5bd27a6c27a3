"""The operating system: durable files, locks, child processes, systemd, the journal, clocks, folders, credentials.

It knows nothing of numbers, cameras or brokers. Every room may use it.
"""

__all__ = [
    "atomic",
    "backoff",
    "child_process",
    "clock",
    "crash_guard",
    "credentials",
    "file_lock",
    "folders",
    "journal",
    "json_text",
    "log_setup",
    "machine",
    "privileges",
    "regular_file",
    "systemd",
    "units",
    "urls",
]
