"""The keys of a store: random ones that encrypt contents, wrapped by a secret that the person holds.

``keys.json`` holds the wrapped keys. A wrong secret fails to unwrap a file whose checksum is right; a
damaged file has a wrong checksum: the two are never confused. Changing the secret rewraps a few hundred
bytes; rotating the key makes a new one for what is submitted from then on.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nacl import pwhash
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from mediator.evidence.errors import (
    InvalidInputError,
    KeyFileDamagedError,
    KeyRequiredError,
    WrongKeyError,
    storage_error,
)
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.records import canonical_json
from mediator.evidence.sealing import StreamSealer

__all__ = ["KeyRing", "KeySource", "key_source"]

#: Returns the person's secret. True asks for a new one: a passphrase is then asked for twice.
KeySource = Callable[[bool], str]

_FORMAT: Final = 1
_SERVICE: Final = "complaint-generator evidence"
_RAW_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_MIN_SECRET: Final = 8


def key_source(spec: str, store: Path, env: Mapping[str, str] | None = None) -> KeySource:
    """Return the source that ``env:NAME``, ``keyring`` or ``passphrase`` names."""
    if spec.startswith("env:") and len(spec) > 4:
        return lambda new: _from_environment(spec[4:], os.environ if env is None else env)
    if spec == "keyring":
        return lambda new: _from_keyring(str(store.resolve()), new)
    if spec == "passphrase":
        return _from_terminal
    raise InvalidInputError("a key source is env:NAME, keyring or passphrase; the key itself has no place there")


def _from_environment(name: str, env: Mapping[str, str]) -> str:
    secret = env.get(name, "")
    if not secret:
        raise KeyRequiredError(f"the evidence key is read from the environment variable {name}, which is not set")
    return secret


def _from_keyring(account: str, new: bool) -> str:
    try:
        import keyring  # optional: pip install -e '.[keyring]'
        from keyring.errors import KeyringError
    except ImportError as error:
        raise KeyRequiredError("the keyring package is not installed; pip install keyring, or use env:NAME") from error
    try:
        secret = keyring.get_password(_SERVICE, account)
        if secret is None and new:
            secret = secrets.token_hex(32)
            keyring.set_password(_SERVICE, account, secret)
    except KeyringError as error:
        raise KeyRequiredError(f"the system's keyring cannot be used: {error}; use env:NAME or passphrase") from error
    if secret is None:
        raise KeyRequiredError(f"the system's keyring has no key for the store {account}")
    return secret


def _from_terminal(new: bool) -> str:
    try:
        secret = getpass.getpass("Passphrase of the evidence store: ")
        repeated = getpass.getpass("The same once more: ") if new else secret
    except EOFError as error:
        raise KeyRequiredError("a passphrase is needed and there is no terminal to ask at; use env:NAME") from error
    if secret != repeated:
        raise InvalidInputError("the two passphrases differ; nothing was changed")
    return secret


class KeyRing:
    """The keys of one store. The secret is asked for when a key is first needed, not before."""

    def __init__(self, path: Path, source: KeySource | None, document: dict[str, Any], fs: FileSystem) -> None:
        self._path = path
        self._source = source
        self._document = document
        self._fs = fs
        self._keys: dict[str, bytes] | None = None
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls, path: Path, source: KeySource | None, fs: FileSystem, remembered: Callable[[str], KeySource] | None = None
    ) -> KeyRing | None:
        """Return the keys in a store's directory, None when it has none.

        Without a source the one that the store remembers is used, if it remembers one.
        """
        document = _read(path)
        if document is None:
            return None
        if source is None and remembered is not None and document.get("source") is not None:
            source = remembered(document["source"])
        return cls(path, source, document, fs)

    @classmethod
    def create(cls, path: Path, source: KeySource, fs: FileSystem, named: str | None = None) -> KeyRing:
        """Make the first key and wrap it; when another process was faster, use what it made."""
        key = secrets.token_bytes(32)
        keys = {_id_of(key): key}
        written = _write(path, _wrapped(keys, _id_of(key), source(True), named), fs, replace=False)
        ring = cls.load(path, source, fs)
        if ring is None:
            raise KeyFileDamagedError(f"{path} vanished while it was made; open the store again")
        if written:
            ring._keys = keys
        return ring

    @property
    def active_id(self) -> str:
        """The id of the key that encrypts what is submitted now."""
        return str(self._document["active"])

    def has(self, key_id: str) -> bool:
        """Whether a key is in the file and a secret can be asked for."""
        return self._source is not None and any(entry["id"] == key_id for entry in self._document["keys"])

    def key(self, key_id: str) -> bytes:
        """Return a key; the person's secret is asked for at the first call."""
        keys = self._unlocked()
        if key_id not in keys:
            raise WrongKeyError(f"this store's key file has no key {key_id}; it was encrypted with another one")
        return keys[key_id]

    def unlock(self) -> None:
        """Ask for the secret now; KeyRequiredError when there is none, WrongKeyError when it is another."""
        self._unlocked()

    def sealer(self) -> StreamSealer:
        """Return what encrypts a submission."""
        return StreamSealer(self.active_id, self.key(self.active_id))

    def add_key(self) -> str:
        """Make a new key the active one; older contents keep theirs. Return its id."""
        keys = dict(self._unlocked())
        key = secrets.token_bytes(32)
        keys[_id_of(key)] = key
        self._replace(keys, _id_of(key), self._secret(), self._document.get("source"))
        return self.active_id

    def change_secret(self, source: KeySource, named: str | None = None) -> None:
        """Wrap the same keys with another secret."""
        keys = self._unlocked()
        self._replace(keys, self.active_id, source(True), named)
        self._source = source

    def _replace(self, keys: dict[str, bytes], active: str, secret: str, named: str | None) -> None:
        document = _wrapped(keys, active, secret, named)
        _write(self._path, document, self._fs, replace=True)
        with self._lock:
            self._document, self._keys = document, keys

    def _secret(self) -> str:
        if self._source is None:
            raise KeyRequiredError("this store is encrypted and no key source is configured; set one")
        return self._source(False)

    def _unlocked(self) -> dict[str, bytes]:
        with self._lock:
            if self._keys is None:
                self._keys = _unwrapped(self._document, self._secret())
            return self._keys


def _id_of(key: bytes) -> str:
    return hashlib.blake2b(key, digest_size=16, person=b"evidence-key-id").hexdigest()


def _derive(secret: str, settings: Mapping[str, Any]) -> bytes:
    if settings["name"] == "raw":
        if not _RAW_KEY.fullmatch(secret):
            raise WrongKeyError("this store's key is 64 hexadecimal digits; what was given is not")
        return hashlib.blake2b(bytes.fromhex(secret), digest_size=32, person=b"evidence-wrap").digest()
    salt = base64.b64decode(settings["salt"])
    return pwhash.argon2id.kdf(
        32, secret.encode("utf-8"), salt, opslimit=settings["opslimit"], memlimit=settings["memlimit"]
    )


def _new_settings(secret: str) -> dict[str, Any]:
    if _RAW_KEY.fullmatch(secret):
        return {"name": "raw"}
    if len(secret) < _MIN_SECRET:
        raise InvalidInputError(f"the secret has fewer than {_MIN_SECRET} characters; choose a longer one")
    return {
        "name": "argon2id",
        "salt": base64.b64encode(secrets.token_bytes(pwhash.argon2id.SALTBYTES)).decode("ascii"),
        "opslimit": pwhash.argon2id.OPSLIMIT_MODERATE,
        "memlimit": pwhash.argon2id.MEMLIMIT_MODERATE,
    }


def _wrapped(keys: Mapping[str, bytes], active: str, secret: str, named: str | None) -> dict[str, Any]:
    settings = _new_settings(secret)
    box = Aead(_derive(secret, settings))
    entries = [
        {"id": key_id, "wrapped": base64.b64encode(box.encrypt(key, key_id.encode("ascii"))).decode("ascii")}
        for key_id, key in keys.items()
    ]
    return {"format": _FORMAT, "active": active, "source": named, "kdf": settings, "keys": entries}


def _unwrapped(document: Mapping[str, Any], secret: str) -> dict[str, bytes]:
    box = Aead(_derive(secret, document["kdf"]))
    keys = {}
    for entry in document["keys"]:
        try:
            key = box.decrypt(base64.b64decode(entry["wrapped"]), entry["id"].encode("ascii"))
        except CryptoError as error:
            raise WrongKeyError("the secret is not the one that this store was encrypted with") from error
        keys[entry["id"]] = key
    return keys


def _checksum(document: Mapping[str, Any]) -> str:
    body = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(canonical_json(body).encode("ascii")).hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, "read the keys", path) from error
    try:
        document = json.loads(text)
        intact = document["checksum"] == _checksum(document) and document["format"] == _FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileDamagedError(f"{path} is damaged; restore it from a copy, without it nothing decrypts") from error
    if not intact:
        raise KeyFileDamagedError(f"{path} is damaged; restore it from a copy, without it nothing decrypts")
    return dict(document)


def _write(path: Path, document: dict[str, Any], fs: FileSystem, *, replace: bool) -> bool:
    """Write the file durably; False when it was there and is not to be replaced."""
    document["checksum"] = _checksum(document)
    temporary = f"{path}.{secrets.token_hex(8)}"
    try:
        fd = fs.create(temporary)
        try:
            fs.write_all(fd, json.dumps(document, indent=1).encode("ascii"))
            fs.fsync(fd)
        finally:
            fs.close(fd)
        if replace:
            fs.rename(temporary, str(path))
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            finally:
                fs.unlink(temporary)
        fs.fsync_dir(str(path.parent))
    except OSError as error:
        raise storage_error(error, "write the keys", path) from error
    return True
