"""All foreseen errors. Imports nothing.

The command line turns an EdgeDaemonError into one line for the user and an exit code; each class also inherits the
builtin exception that other callers can catch.

    EdgeDaemonError
    |-- ConfigError                ValueError          exit code 78
    |-- PictureError               OSError
    |-- CameraError                OSError
    |   `-- CameraHangsError
    |-- ModelError                 ValueError
    |   `-- RuntimeMissingError    ImportError         exit code 69
    |-- ChildError                 ChildProcessError
    |-- UpdateError                OSError
    |   `-- DistrustError
    |-- PublishError               OSError
    |-- BrokerError                ConnectionError
    |-- CheckError                 PermissionError
    |-- ExplainError               LookupError
    |-- ReportError                OSError
    |-- SampleError                LookupError
    |-- PreviewError               RuntimeError
    |-- SetupError                 RuntimeError
    |-- OutboxError                OSError
    |   `-- OutboxInUseError
    |-- CommandError               ValueError
    |-- StepError                  RuntimeError
    `-- CourierError               RuntimeError
"""


class EdgeDaemonError(Exception):
    """Root of all foreseen errors. The message is for the user: what, where, what to do."""

    exit_code = 1
    """Exit code of the command line."""


class ConfigError(EdgeDaemonError, ValueError):
    """The configuration cannot be used. The message names file, line, key and what is allowed."""

    exit_code = 78
    """EX_CONFIG: systemd does not restart the service on it."""


class PictureError(EdgeDaemonError, OSError):
    """An image or video file cannot be read: missing, empty, truncated, too large, not an image."""


class CameraError(EdgeDaemonError, OSError):
    """The camera is absent, in use, or has stopped giving frames. It may be opened again later."""


class CameraHangsError(CameraError):
    """The camera is there and gives nothing, also after it was opened again: the process must restart."""


class ModelError(EdgeDaemonError, ValueError):
    """The model file is missing, damaged, or no digit classifier that can be used."""


class RuntimeMissingError(ModelError, ImportError):
    """The library that runs a network is not installed."""

    exit_code = 69
    """EX_UNAVAILABLE: systemd does not restart the service of second opinions on it."""


class ChildError(EdgeDaemonError, ChildProcessError):
    """A child process died, hung or reached a limit. The message is a sentence without its subject."""


class UpdateError(EdgeDaemonError, OSError):
    """A newer model cannot be loaded: unreachable, wrongly signed, expired, too large or too slow."""


class DistrustError(UpdateError):
    """What the repository serves is not trusted: unknown signature, changed, older than before, or expired."""


class PublishError(EdgeDaemonError, OSError):
    """A model cannot be published: a key, or the earlier publication, is missing."""


class BrokerError(EdgeDaemonError, ConnectionError):
    """The broker cannot be reached, or refuses the connection for good."""


class CheckError(EdgeDaemonError, PermissionError):
    """This user has no permission to read something that `check` inspects."""


class ExplainError(EdgeDaemonError, LookupError):
    """The reading to explain does not exist, or cannot be read."""


class ReportError(EdgeDaemonError, OSError):
    """A report cannot be made: there are no readings, no library for plots, or the page cannot be written."""


class SampleError(EdgeDaemonError, LookupError):
    """The sample does not exist, or cannot be read."""


class PreviewError(EdgeDaemonError, RuntimeError):
    """The preview page cannot be served: something is not installed, or the address is in use."""


class SetupError(EdgeDaemonError, RuntimeError):
    """A step of the setup cannot be done: the daemon does not start, or no reading arrives."""


class OutboxError(EdgeDaemonError, OSError):
    """The outbox cannot be used: locked by another daemon, disk full, read-only."""


class OutboxInUseError(OutboxError):
    """Another daemon uses the folder."""


class CommandError(EdgeDaemonError, ValueError):
    """A command cannot be carried out now."""


class StepError(EdgeDaemonError, RuntimeError):
    """A step is not carried out: it ended the process before, or an error happened in it that is not foreseen."""


class CourierError(EdgeDaemonError, RuntimeError):
    """The delivery thread died or no longer responds: the process must restart."""
