"""What every test shares: one hypothesis profile, so that a red run stays red when it is repeated."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")
