import pytest

from support import server as support_server
from support.pki import Pki


def pytest_collection_modifyitems(items):
    """Files run side by side, whole: those that take longest begin, so that none is left alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("takes_long") is None)


@pytest.fixture(scope="session")
def certificates():
    """Kept in the build folder, for all processes of this run and the next ones."""
    return Pki(support_server.BINARY.resolve().parent / "test-pki")


@pytest.fixture
def state(tmp_path, certificates):
    """A state folder with two phones; nothing runs on it."""
    return support_server.make_state(tmp_path / "state", certificates)


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    """One running server for all tests of a file; tests must leave it as it was."""
    folder = support_server.make_state(tmp_path_factory.mktemp("server") / "state", certificates)
    with support_server.Server(folder) as running:
        yield running
