"""What Dagster loads: every customization of this checkout."""

from assets.resources import Progress
from location import CHECKOUT, location
from modelops.home import Home

defs = location(Home.find(CHECKOUT).customizations(), Progress())
