import math
from typing import Any

import pytest

from milepost.errors import ConfigError
from milepost.money.instance import Instance


@pytest.mark.parametrize("fields", [{"share": -1.0}, {"share": math.nan}, {"share": 2.0}, {"num_nodes": 0}])
def test_instance_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(fields))}: found"):
        Instance(**fields)
