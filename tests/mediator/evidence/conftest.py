import pytest

from mediator.evidence import EvidenceStore

# 64 hexadecimal digits are a key by themselves; a passphrase would cost half a second of Argon2 a store.
SECRET = "5e" * 32


@pytest.fixture(params=["plain", "encrypted"])
def key_source(request):
    return {"plain": None, "encrypted": lambda new: SECRET}[request.param]


@pytest.fixture
def store(tmp_path, key_source):
    """A store, once as it is and once encrypted."""
    with EvidenceStore(tmp_path / "store", key_source=key_source, env={}) as opened:
        yield opened


@pytest.fixture
def plain(tmp_path):
    with EvidenceStore(tmp_path / "plain", env={}) as opened:
        yield opened
