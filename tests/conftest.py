"""Settings of the whole suite."""

import os

from hypothesis import settings

# The same examples in every run of the whole check; new ones each time a developer runs the tests.
settings.register_profile("check", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("check" if os.environ.get("CI") else "search")
