"""The key of an HTTP backend: where it comes from, and to which host it may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from backends.exceptions import AuthenticationError, ConfigurationError

__all__ = ["ApiKey"]


class ApiKey:
    """``given`` by the configuration, else the first of ``names`` in ``env`` when ``env`` may be asked.

    A key of the environment goes to the provider's own host or to the base URL of the same environment, never to a
    host that only the configuration names: the backend says so by ``from_env``.
    """

    def __init__(
        self,
        given: str | SecretStr | None,
        env: Mapping[str, str],
        names: Sequence[str],
        *,
        from_env: bool,
        required: bool,
        hint: str,
        owner: str,
    ) -> None:
        self._owner = owner
        self._given = _usable(given, owner)
        self._env = env
        self._names = tuple(names) if from_env else ()
        self.required = required
        self._hint = hint

    @property
    def names(self) -> str:
        """What a person is told to look at."""
        return f"{self._hint} or api_key" if self._hint else "api_key"

    def value(self) -> str | None:
        """The key now; None when there is none."""
        if self._given is not None:
            return self._given.get_secret_value()
        for name in self._names:
            if (found := _usable(self._env.get(name), self._owner)) is not None:
                return found.get_secret_value()
        return None

    def needed(self) -> str | None:
        """``value``; AuthenticationError when there is none and the provider answers nobody without."""
        key = self.value()
        if key is None and self.required:
            raise AuthenticationError(f"there is no API key; set {self._hint} or api_key", provider=self._owner)
        return key


def _usable(key: str | SecretStr | None, owner: str) -> SecretStr | None:
    """The key without the white space that copying adds; None when there is none."""
    text = (key.get_secret_value() if isinstance(key, SecretStr) else key or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError("the API key holds characters that no key has; copy it again", provider=owner)
    return SecretStr(text)
