"""A configuration file with two fields, for tests of the page."""

FILE = """# mine
[camera]
source = "simulated"
seed = 3          # this page
surface = "paper"
hold = 600

[[field]]         # the first
name = "units"
# loosely
region = [60, 160, 420, 110]
min = 0           # never below

[[field]]
name = "rest"
region = [0.1, 0.65, 0.6, 0.2]
accept_after = "1h"

# the broker
[mqtt]
url = "mqtt://127.0.0.1:1"
"""
