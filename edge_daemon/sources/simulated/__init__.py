"""The simulated camera: draws handwritten numbers on a page and knows what is written.

Options and a seed come in, frames go out, the same ones for the same seed. The demo, tests and training use it as
users would.
"""

__all__ = [
    "camera",
    "handwriting",
    "options",
]
