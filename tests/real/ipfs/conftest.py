import pytest

from tests.real.ipfs.daemon import Daemon


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """A js-ipfs daemon that runs for the whole session."""
    daemon = Daemon(tmp_path_factory.mktemp("js-ipfs"))
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def own_node(tmp_path):
    """A daemon that a test may stop and start."""
    daemon = Daemon(tmp_path / "js-ipfs")
    yield daemon
    daemon.stop()
