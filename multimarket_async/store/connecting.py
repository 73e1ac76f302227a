"""The client of a mongo_uri, and what is wrong with one that cannot be used: each kind has its sentence."""

import ssl
from typing import Any

from pymongo import errors
from pymongo.uri_parser import parse_uri

from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.settings import MongoDriver
from multimarket_async.store.driver import CLIENTS, Client

CLIENT_OPTIONS: dict[str, Any] = {  # the same option in the URI takes precedence
    "appname": "multimarket",
    "connecttimeoutms": 2_000,
    "serverselectiontimeoutms": 2_000,
    "sockettimeoutms": 120_000,
}
SRV = "mongodb+srv://"
FORMS = {"": "mongodb://user:password@host:port/", SRV: f"{SRV}user:password@name/ (one name, without a port)"}
RESERVED = ": / ? # [ ] @"


def client_of(uri: str, driver: MongoDriver) -> Client:
    """A client, which connects when it is first used. Raises CannotContinue."""
    try:
        given = {name.lower() for name in parse_uri(uri, validate=True)["options"]}
        options = {name: value for name, value in CLIENT_OPTIONS.items() if name not in given}
        return CLIENTS[driver](uri, tz_aware=True, **options)
    except (ssl.SSLError, OSError) as error:
        raise WrongSettings(_file(error)) from error
    except (errors.PyMongoError, ValueError) as error:
        raise _wrong(uri, error) from error


def _file(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "mongo_uri names a file in tlsCAFile or tlsCertificateKeyFile that is no certificate in PEM format"
            f" ({error.reason})."
        )
    return (
        f"mongo_uri names a file that cannot be read, {error.filename}: {error.strerror}."
        " Correct tlsCAFile or tlsCertificateKeyFile."
    )


def _wrong(uri: str, error: Exception) -> CannotContinue:
    """The sentence about an option, or about an address that cannot be looked up."""
    said = str(error).partition("\n")[0].partition(" Did you mean")[0]
    user, _, rest = uri.partition("://")[2].rpartition("@")
    malformed = said.startswith("Port ") or (
        isinstance(error, errors.InvalidURI) and not said.startswith("URI options ")
    )
    if malformed or set(RESERVED.split()) & set(user) - {":"} or "@" in said:
        return WrongSettings(_malformed(uri))
    if uri.startswith(SRV) and ("DNS" in said or "resol" in said):
        host = rest.partition("/")[0]
        return CannotContinue(
            f"The servers of {SRV}{host} cannot be looked up: {said.rstrip('.')}."
            " Check the name and the DNS of this machine, or name the servers themselves, with mongodb://."
        )
    return WrongSettings(f"mongo_uri has an option that cannot be used: {said.rstrip('.')}.")


def _malformed(uri: str) -> str:
    """The form to follow; the driver's own message quotes the URI, and with it a password."""
    form = FORMS[SRV if uri.startswith(SRV) else ""]
    return f"mongo_uri is not a MongoDB URI. Expected {form}, with {RESERVED} in a password written as %3A and so on"
