"""From handwriting to models/: `scripts/train --help`."""
