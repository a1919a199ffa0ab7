import pytest

from market.exchange import Exchange, load_exchange


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    return load_exchange("XNYS")
