"""From what single frames say to what is published: votes over time, formats, rules.

Numbers with their confidence come in, frame by frame; readings and events go out. The daemon, replay and the page use
it.
"""

__all__ = [
    "field_state",
    "formats",
    "observations",
    "perturbation",
    "rules",
    "voter",
]
