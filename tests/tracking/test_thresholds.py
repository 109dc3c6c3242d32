from typing import Any

import pytest

from milepost.errors import ConfigError
from milepost.tracking.thresholds import PerformanceThreshold


@pytest.mark.parametrize(
    "fields",
    [
        {"target_value": "2.0"},
        {"target_value": True},
        {"target_value": 10**400},
        {"metric": None},
        {"name": None},
        {"confirm": 2.5},
        {"confirm": "2"},
        {"smoothing_factor": "0.1"},
        {"tolerance": None},
    ],
)
def test_field_of_another_type_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(fields))}: found"):
        PerformanceThreshold(**{"name": "t", "metric": "m", "target_value": 2.0, **fields})
