"""USB cameras, through Video4Linux.

Options come in, frames go out; controls such as exposure and focus are set on the way. Only sources.kinds opens it.
"""

__all__ = [
    "controls",
]
