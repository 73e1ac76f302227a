"""Which domains there are, and which of them are on.

A domain is a folder of `domains`, or an object `Domain` that another package names as an entry point:

    [project.entry-points."multimarket_async.domains"]
    doors = "doors_package:DOMAIN"

One that cannot be used stops what asks for it, and nothing else.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from multimarket_async import domains as folders
from multimarket_async.clashes import check
from multimarket_async.domains import Domain, LoadedDomain
from multimarket_async.errors import CannotContinue, WrongSettings, did_you_mean
from multimarket_async.settings import Business, Loaded, Settings, fields, variable

GROUP = "multimarket_async.domains"
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A domain that was found. place: its folder or package. fault: why it cannot be on, in a sentence.

    domain: None where there is none, or not even its settings can be read.
    """

    name: str
    place: str
    domain: Domain[Any] | None = None
    fault: str = ""


@cache
def found() -> tuple[Found, ...]:
    """Every domain: those of folders by name, then those of other packages."""
    return tuple(compared([*_in_folders(), *_in_packages()]))


def _in_folders() -> Iterator[Found]:
    for module in sorted(pkgutil.iter_modules(folders.__path__), key=lambda module: module.name):
        if module.ispkg:
            name, place = module.name, f"the folder domains/{module.name}"
            yield _imported(name, place, partial(_declared_in, f"{folders.__name__}.{name}"))


def _declared_in(module: str) -> Any:
    values = vars(importlib.import_module(module)).values()
    return next((value for value in values if isinstance(value, Domain)), None)


def _in_packages() -> Iterator[Found]:
    def package(point: EntryPoint) -> str:
        return point.dist.name if point.dist else point.value

    for point in sorted(entry_points(group=GROUP), key=lambda point: (package(point), point.name)):
        yield _imported(point.name, f"the package {package(point)}", point.load)


def _imported(name: str, place: str, load: Callable[[], Any]) -> Found:
    """The domain that `load` gives, whatever happens there."""
    try:
        domain = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others: only who asks for it may fail
        return Found(name, place, fault=f"The domain {name} of {place} cannot be imported: {_cause(error)}.")
    if not isinstance(domain, Domain):
        return Found(name, place, fault=f"{place.capitalize()} declares no Domain as {name}, but {domain!r}.")
    return Found(domain.name, place, domain)


def compared(candidates: Iterable[Found]) -> Iterator[Found]:
    """The same with a fault where a name or a setting is taken already."""
    by_variable = {variable(name): name for name in Settings.model_fields}
    distinct = {
        id(candidate.domain or candidate): candidate for candidate in candidates
    }  # found in two ways: still one
    checked = [_checked(candidate, by_variable) for candidate in distinct.values()]
    for candidate in checked:
        twins = [other.place for other in checked if other.domain and other.name == candidate.name]
        same = f"Two domains are called {candidate.name}, of {' and '.join(twins)}: remove one of them."
        yield replace(candidate, fault=same) if candidate.domain and len(twins) > 1 else candidate


def _checked(candidate: Found, by_variable: dict[str, str]) -> Found:
    """The same; without its domain where its name or its settings cannot be. Adds its settings to `by_variable`."""
    if candidate.domain is None:
        return candidate
    fault = _wrong_name(candidate) or _wrong_settings(candidate.domain, candidate.place, by_variable)
    return replace(candidate, domain=None, fault=fault) if fault else candidate


def _wrong_name(candidate: Found) -> str:
    name, place = candidate.name, candidate.place
    if not NAME.fullmatch(name):
        return f"The domain {name!r} of {place} needs a name of letters a-z, digits and _."
    return (
        f"The domain {name} of {place} has the name of a setting: rename it." if name in Settings.model_fields else ""
    )


def _wrong_settings(domain: Domain[Any], place: str, by_variable: dict[str, str]) -> str:
    """The fault of its settings; without one they are added to `by_variable`."""
    if not (isinstance(domain.settings, type) and issubclass(domain.settings, Business)):
        return f"The settings of the domain {domain.name} of {place} are no class that extends Business."
    own = {variable(name): name for name in fields({domain.name: domain.settings}) if "." in name}
    for taken, name in own.items():
        if by_variable.get(taken, name) != name:
            return f"The settings {name} of {place} and {by_variable[taken]} have the same variable, {taken}."
    by_variable |= own
    return ""


def settings_models() -> dict[str, type[Business]]:
    """The class of each domain's own settings, by its name: the sections of the settings file.

    It is Business itself where nobody knows what belongs into the section.
    """
    models: dict[str, type[Business]] = {}
    for candidate in found():
        if candidate.domain:
            models = {candidate.name: candidate.domain.settings, **models}
        elif NAME.fullmatch(candidate.name) and candidate.name not in Settings.model_fields:
            models.setdefault(candidate.name, Business)
    return models


def declared(loaded: Loaded) -> tuple[LoadedDomain, ...]:
    """The domains that are on, under their settings, in the order of the setting `domains`. Raises WrongSettings."""
    names = dict.fromkeys(loaded.of(Settings).domains)
    domains = tuple(_declared(_named(name), loaded) for name in names)
    check(domains)
    return domains


def unusable(loaded: Loaded) -> list[str]:
    """A sentence for each domain that cannot be used and is not on."""
    return [
        candidate.fault
        for candidate in found()
        if candidate.fault and candidate.name not in loaded.of(Settings).domains
    ]


def _named(name: str) -> Domain[Any]:
    """The domain of this name. Raises WrongSettings."""
    candidates = found()
    named = sorted((found for found in candidates if found.name == name), key=lambda found: found.domain is None)
    if not named:
        names = ", ".join(dict.fromkeys(candidate.name for candidate in candidates if not candidate.fault))
        raise WrongSettings(f"There is no domain {name}; there are {names}.{did_you_mean(name, names.split(', '))}")
    if named[0].fault or named[0].domain is None:
        raise WrongSettings(named[0].fault)
    return named[0].domain


def _declared(domain: Domain[Any], loaded: Loaded) -> LoadedDomain:
    try:
        declared = domain.under(loaded)
    except CannotContinue:  # its own sentence about its settings
        raise
    except Exception as error:
        raise WrongSettings(f"The domain {domain.name} cannot be declared: {_cause(error)}.") from error
    if not isinstance(declared, LoadedDomain) or declared.name != domain.name:
        raise WrongSettings(
            f"The domain {domain.name} declares {declared!r:.100} instead of a LoadedDomain of its name."
        )
    return declared


def _cause(error: BaseException) -> str:
    """The kind and the text of an error, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
