"""What can go wrong, as types. Imports nothing.

One root, so that the command line can turn every foreseen failure into one line for the person; each leaf
also inherits the builtin that a caller who does not know us would catch.
"""


class EdgeDaemonError(Exception):
    """Root of all foreseen failures. The message is for a person: what, where, what to do."""

    exit_code = 1


class ConfigError(EdgeDaemonError, ValueError):
    """The configuration cannot be used. The message names file, line, key and what is allowed."""

    exit_code = 78  # EX_CONFIG: systemd is told not to restart on it


class PictureError(EdgeDaemonError, OSError):
    """An image or video file that cannot be read: missing, empty, truncated, too large, not an image."""


class CameraError(EdgeDaemonError, OSError):
    """The camera is absent, taken, or has stopped delivering frames."""


class CameraHangsError(CameraError):
    """The camera is there and gives nothing, also after it was opened again: the process must restart."""


class ModelError(EdgeDaemonError, ValueError):
    """The model file is missing, damaged, or not a digit classifier we can drive."""


class ChildError(EdgeDaemonError, ChildProcessError):
    """What was tried in a process of its own died, hung or ran into a limit. A sentence without its subject."""


class UpdateError(EdgeDaemonError, OSError):
    """A newer model cannot be had: out of reach, not signed as it must be, expired, too large or too slow."""


class DistrustError(UpdateError):
    """What is offered is not believed: signed by nobody we know, changed, older than before, or expired."""


class PublishError(EdgeDaemonError, OSError):
    """A model cannot be published: a key is missing, or what was published before."""


class RuntimeMissingError(ModelError, ImportError):
    """No TFLite interpreter is installed."""


class BrokerError(EdgeDaemonError, ConnectionError):
    """The broker cannot be reached or refuses us for good."""


class CheckError(EdgeDaemonError, PermissionError):
    """Something that was to be looked at may not be."""


class ExplainError(EdgeDaemonError, LookupError):
    """There is no such reading to explain, or it cannot be got at."""


class SampleError(EdgeDaemonError, LookupError):
    """There is no such sample, or it cannot be got at."""


class PreviewError(EdgeDaemonError, RuntimeError):
    """The page cannot be served: something is not installed, or the address is taken."""


class OutboxError(EdgeDaemonError, OSError):
    """The durable queue cannot be used: locked by another daemon, disk full, read-only."""


class OutboxInUseError(OutboxError):
    """Another daemon has the folder."""


class CommandError(EdgeDaemonError, ValueError):
    """A command cannot be carried out now."""


class CourierError(EdgeDaemonError, RuntimeError):
    """The delivery thread died or stopped beating; the process must restart."""
