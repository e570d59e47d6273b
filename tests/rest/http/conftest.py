import pytest

from support.http import Echo


@pytest.fixture(scope="session")
def echo():
    """One server for all tests that need no settings of their own."""
    with Echo() as echo:
        yield echo
        assert echo.terminate() == 0, "\n".join(echo.log[-20:])


@pytest.fixture
def own_echo():
    """A function that starts a server with settings."""
    started = []

    def start(**settings):
        started.append(Echo(**settings))
        return started[-1]

    yield start
    for echo in started:
        with echo:
            assert echo.terminate() == 0, "\n".join(echo.log[-20:])
