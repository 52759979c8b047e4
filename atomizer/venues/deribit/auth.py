"""Who we are to Deribit: API key, and the secret or private key that proves it. Pure; the secret stays inside.

Source: protocol sheet §2; held to the venue's vector.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from nacl.signing import SigningKey

from atomizer.errors import ConfigError

SEED_BYTES: Final = 32
# PKCS #8 of an Ed25519 key (RFC 8410): version 0, algorithm 1.3.101.112, the seed in an octet string in another.
_PKCS8: Final = bytes.fromhex("302e020100300506032b657004220420")
_PEM: Final = re.compile(r"-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----", re.ASCII)
_SEED: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


class Credentials:
    """An API key and how it proves itself. Shows only the key's public name, in any representation."""

    def __init__(self, api_key: str, prove: Callable[[int, str], dict[str, object]]) -> None:
        """See `with_secret`, `with_sent_secret` and `with_ed25519`.

        Raises:
            ConfigError: no API key.
        """
        if _KEY.fullmatch(api_key) is None:
            raise ConfigError("DERIBIT_API_KEY is not the name of an API key: copy the client id from Deribit's page")
        self.api_key = api_key
        self._prove = prove

    @classmethod
    def with_secret(cls, api_key: str, secret: bytes | bytearray) -> "Credentials":
        """A key with a secret, which signs by HMAC-SHA256: the secret itself never leaves this process.

        Raises:
            ConfigError: no API key, or an empty secret.
        """
        if not secret:
            raise ConfigError("DERIBIT_API_SECRET is empty")
        keyed = hmac.new(secret, digestmod=hashlib.sha256)

        def sign(text: bytes) -> str:
            mac = keyed.copy()
            mac.update(text)
            return mac.hexdigest()

        return cls(api_key, partial(_signature_login, api_key, sign))

    @classmethod
    def with_sent_secret(cls, api_key: str, secret: bytes | bytearray) -> "Credentials":
        """The same key by client_credentials, which send the secret: for where a signature is not taken.

        Raises:
            ConfigError: no API key, or an empty secret.
        """
        if not secret:
            raise ConfigError("DERIBIT_API_SECRET is empty")
        text = secret.decode()

        def prove(_now_ms: int, _nonce: str) -> dict[str, object]:
            return {"grant_type": "client_credentials", "client_id": api_key, "client_secret": text}

        return cls(api_key, prove)

    @classmethod
    def with_ed25519(cls, api_key: str, private_key: str) -> "Credentials":
        """A key whose public half was registered: `private_key` is PEM (PKCS #8), or its seed in 64 hex digits.

        Raises:
            ConfigError: no API key, or not such a private key (the value is not repeated).
        """
        signer = SigningKey(parse_seed(private_key))

        def sign(text: bytes) -> str:
            # URL-safe and without padding, as the venue's own example; other clients differ (protocol sheet §2).
            return base64.urlsafe_b64encode(signer.sign(text).signature).decode().rstrip("=")

        return cls(api_key, partial(_signature_login, api_key, sign))

    def build_login(self, now_ms: int, nonce: str) -> dict[str, object]:
        """Parameters of public/auth; `nonce` is any text not used before."""
        return self._prove(now_ms, nonce)

    def __repr__(self) -> str:
        return f"Credentials({self.api_key})"


def _signature_login(
    api_key: str, sign: Callable[[bytes], str], now_ms: int, nonce: str, data: str = ""
) -> dict[str, object]:
    r"""client_signature signs ``timestamp\nnonce\ndata``; the second line end is there even when there are no data."""
    return {
        "grant_type": "client_signature",
        "client_id": api_key,
        "timestamp": now_ms,
        "signature": sign(f"{now_ms}\n{nonce}\n{data}".encode()),
        "nonce": nonce,
        "data": data,
    }


def build_refresh(refresh_token: str) -> dict[str, object]:
    """Parameters of public/auth by refresh_token, which can be used once."""
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}


def parse_seed(text: str) -> bytes:
    r"""The 32-byte seed of an Ed25519 private key: PEM (line ends may be written ``\n``), or 64 hex digits.

    Raises:
        ConfigError: neither (the value is not repeated).
    """
    text = text.replace("\\n", "\n").strip()
    if match := _SEED.fullmatch(text):
        return bytes.fromhex(match[1])
    if match := _PEM.fullmatch(text):
        try:
            der = base64.b64decode("".join(match[1].split()), validate=True)
        except binascii.Error:
            der = b""
        if der.startswith(_PKCS8) and len(der) == len(_PKCS8) + SEED_BYTES:
            return der[len(_PKCS8) :]
    raise ConfigError(
        "DERIBIT_PRIVATE_KEY_ED25519 is not an Ed25519 private key: PEM that begins with BEGIN PRIVATE KEY is expected,"
        " or its seed in 64 hex digits"
    )
