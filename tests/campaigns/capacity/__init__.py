"""`scripts/campaign capacity`: what a reading costs the site."""
