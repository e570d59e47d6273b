import pytest

from support.rest import Platforms


@pytest.fixture(scope="module")
def platforms():
    with Platforms() as platforms:
        yield platforms


@pytest.fixture
def own_platforms():
    """For tests that change what others look at."""
    with Platforms() as platforms:
        yield platforms
