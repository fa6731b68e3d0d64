"""Settings from the environment; a wrong one fails the cold start with an error that names it."""

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


class SettingError(RuntimeError):
    """A setting is missing or malformed; the text names it and never holds its value."""


class Settings:
    """The environment of one function, read once by its composition root."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def required(self, name: str) -> str:
        """Return the setting `name`; raises `SettingError` if it is absent or blank."""
        value = self._environ.get(name, "").strip()
        if not value:
            raise SettingError(f"The setting {name} is missing.")
        return value

    def optional(self, name: str, default: str = "") -> str:
        """Return the setting `name`, or `default` if it is absent or blank."""
        return self._environ.get(name, "").strip() or default

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return the setting `name`, a whole number from `low` to `high`; raises `SettingError` for anything else."""
        text = self.optional(name, str(default))
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise SettingError(f"The setting {name} must be a whole number from {low} to {high}.")
        return int(text)

    def number(self, name: str, options: Collection[int]) -> int:
        """Return the setting `name`, one of the numbers `options`; raises `SettingError` for anything else."""
        return int(self.choice(name, [str(each) for each in options]))

    def choice(self, name: str, options: Collection[str]) -> str:
        """Return the setting `name`, one of `options`; raises `SettingError` for anything else."""
        value = self.required(name)
        if value not in options:
            raise SettingError(f"The setting {name} must be one of: {', '.join(options)}.")
        return value

    def root_url(self, name: str) -> str:
        """Return the setting `name`, a root URL; empty if it is absent or blank.

        Tokens and secrets are sent to this URL, so it must be https, except for a loopback address of this machine.
        Raises `SettingError` for anything else.
        """
        value = self.optional(name)
        if value and not _is_safe_root(value):
            raise SettingError(f"The setting {name} must be an https URL, or an http one of a loopback address.")
        return value

    def origins(self) -> tuple[str, ...]:
        """Return ALLOWED_ORIGINS, the browser origins that CORS allows (`*`: any)."""
        return tuple(origin.strip() for origin in self.required("ALLOWED_ORIGINS").split(",") if origin.strip())


def _is_safe_root(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    host = url.hostname or ""
    return bool(host) and (url.scheme == "https" or (url.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
