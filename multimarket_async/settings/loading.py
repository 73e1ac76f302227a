"""Layers of settings: flag > environment > config/multimarket.toml > default; each domain has a section."""

import re
import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.settings.engine import Business, Settings
from multimarket_async.settings.values import EnvironmentKey, Token

FILE = Path("config/multimarket.toml")
PREFIX = "MULTIMARKET_"
# Of a MongoDB URI, in lower case: https://www.mongodb.com/docs/manual/reference/connection-string-options/
PUBLIC_OPTIONS = frozenset(
    [
        "appname",
        "authmechanism",
        "authsource",
        "compressors",
        "connecttimeoutms",
        "directconnection",
        "heartbeatfrequencyms",
        "j",
        "journal",
        "loadbalanced",
        "localthresholdms",
        "maxidletimems",
        "maxpoolsize",
        "maxstalenessseconds",
        "minpoolsize",
        "readconcernlevel",
        "readpreference",
        "readpreferencetags",
        "replicaset",
        "retryreads",
        "retrywrites",
        "serverselectiontimeoutms",
        "sockettimeoutms",
        "srvmaxhosts",
        "srvservicename",
        "ssl",
        "timeoutms",
        "tls",
        "tlsallowinvalidcertificates",
        "tlsallowinvalidhostnames",
        "tlscafile",
        "tlscertificatekeyfile",
        "tlsinsecure",
        "uuidrepresentation",
        "w",
        "waitqueuetimeoutms",
        "wtimeoutms",
    ]
)
SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")


@dataclass(frozen=True)
class Value:
    """A value as given, and its origin."""

    value: Any
    source: str


B = TypeVar("B", bound=Business)


@dataclass(frozen=True)
class Loaded:
    """The settings of the engine (under "") and of each domain; the origin of each value, by full name.

    lacking: what a domain must be given before it can be on, by its name; it has no settings here.
    """

    models: Mapping[str, Business]
    sources: Mapping[str, str]
    lacking: Mapping[str, str] = field(default_factory=dict)

    def of(self, model: type[B]) -> B:
        """The loaded settings of exactly this class."""
        return next(loaded for loaded in self.models.values() if type(loaded) is model)


def load(
    domains: Mapping[str, type[Business]], flags: Mapping[str, Any], environ: Mapping[str, str], file: Path = FILE
) -> Loaded:
    """Layer the four sources and validate the engine's settings and each domain's. Raises WrongSettings.

    A section of Business itself is passed over: nobody knows what belongs into it.
    """
    names = fields(domains)
    values = {**_from_file(file, domains), **_from_environment(environ, names), **_from_flags(flags)}
    passed_over = tuple(f"{domain}{mark}" for domain, model in domains.items() if model is Business for mark in "._")
    for name, value in values.items():
        if name not in names and not name.startswith(passed_over):
            raise WrongSettings(_unknown(name, value.source, names))
        if name in names and EnvironmentKey in get_args(names[name].annotation) and value.source == str(file):
            raise WrongSettings(f"{name} is in {file}: remove it there, and set it as {variable(name)} only.")
    sources = {name: values[name].source if name in values else "default" for name in names}
    models: dict[str, Business] = {"": _validated("", Settings, values)}
    lacking: dict[str, str] = {}
    for domain, model in domains.items():
        try:
            models[domain] = _validated(domain, model, values)
        except WrongSettings as fault:
            if any(name.startswith(f"{domain}.") for name in values):
                raise
            lacking[domain] = str(fault)  # nothing was given: it may be off
    return Loaded(models, sources, lacking)


def fields(domains: Mapping[str, type[Business]]) -> dict[str, FieldInfo]:
    """Every setting by its full name: `seed` is the engine's, `orders.currency` that of the domain orders."""
    own = {_full(name, field): info for name, model in domains.items() for field, info in model.model_fields.items()}
    return {**Settings.model_fields, **{name: info for name, info in own.items() if "." in name}}


def _full(domain: str, field: str) -> str:
    """The domains share the engine's value of the fields in Business."""
    return f"{domain}.{field}" if domain and field not in Business.model_fields else field


def _from_file(file: Path, domains: Container[str]) -> dict[str, Value]:
    try:
        given = tomllib.loads(file.read_text("utf-8-sig")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file} is not valid TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in given.items():
        is_section = key in domains and isinstance(value, dict)
        values |= {f"{key}.{name}": inner for name, inner in value.items()} if is_section else {key: value}
    return {name: Value(value, str(file)) for name, value in values.items()}


def _from_environment(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, Value]:
    by_variable = {variable(name): name for name in names}
    return {
        by_variable.get(variable, variable.removeprefix(PREFIX).lower()): Value(text, variable)
        for variable, text in environ.items()
        if variable.startswith(PREFIX) and not _is_service_link(variable, text)
    }


def variable(name: str) -> str:
    """The environment variable of a setting, by its full name."""
    return PREFIX + name.replace(".", "_").upper()


def _is_service_link(variable: str, text: str) -> bool:
    """Kubernetes and Docker set such variables for a service or a container that is called multimarket..."""
    return bool(SERVICE_LINK.search(variable) or (variable.endswith("_PORT") and "://" in text))


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Value]:
    given = {name: value for name, value in flags.items() if value is not None}
    return {name: Value(value, "--" + name.replace("_", "-")) for name, value in given.items()}


def _unknown(name: str, source: str, names: Iterable[str]) -> str:
    hint = did_you_mean(name, names) or " `config show` lists them all."
    return f"There is no setting {name} (given in {source}).{hint}"


def _validated(domain: str, model: type[B], values: Mapping[str, Value]) -> B:
    given = {
        field: values[_full(domain, field)].value for field in model.model_fields if _full(domain, field) in values
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise WrongSettings("\n".join(_faults(error, domain, model, values))) from error


def _faults(error: ValidationError, domain: str, model: type[Business], values: Mapping[str, Value]) -> Iterator[str]:
    for fault in error.errors():
        field = str(fault["loc"][0]) if fault["loc"] else ""
        given = values.get(_full(domain, field))
        place = _given(_full(domain, field), given, model.model_fields[field]) if given else domain or "settings"
        yield f"{place}: {fault['msg'].removeprefix('Value error, ')}"


def _given(name: str, value: Value, field: FieldInfo) -> str:
    given = "***" if {SecretStr, Token, EnvironmentKey} & {*get_args(field.annotation)} else repr(value.value)
    return f"{name} = {given} (from {value.source})"


def shown(loaded: Loaded) -> list[dict[str, str]]:
    """Every setting in force, as `config show` prints it: name, text (without secrets), source and description."""
    infos, lines = fields({domain: type(model) for domain, model in loaded.models.items() if domain}), []
    for name, info in infos.items():
        domain, _, own = name.rpartition(".")
        text, description = as_text(getattr(loaded.models[domain], own)), info.description or ""
        lines.append({"name": name, "text": text, "source": loaded.sources[name], "description": description})
    return lines


def as_text(value: Any) -> str:
    """A value as in the environment; a token is hidden, and the passwords of a URI are."""
    if value is None:
        return ""
    if isinstance(value, Token):
        return "***"
    if isinstance(value, SecretStr):
        return _without_passwords(value.get_secret_value())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _without_passwords(uri: str) -> str:
    """A MongoDB URI, well formed or not, without user and password, and with those options only that hold no secret."""
    scheme, separator, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    shown = "***@" + rest.rpartition("@")[2] if "@" in rest else rest
    place, asked, options = shown.partition("?")
    return scheme + separator + place + asked + "&".join(map(_without_secret, options.split("&")))


def _without_secret(option: str) -> str:
    name, equals, _ = option.partition("=")
    return option if name.lower() in PUBLIC_OPTIONS or not equals else f"{name}=***"
