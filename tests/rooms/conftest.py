from __future__ import annotations

import pytest
from room_house import House


@pytest.fixture
def house() -> House:
    return House()
