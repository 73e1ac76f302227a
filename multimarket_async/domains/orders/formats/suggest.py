"""A declaration to begin with, for a file of an unknown format: guessed by names of fields and shapes of values."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from multimarket_async.domains import IncomingFile
from multimarket_async.domains.orders.currencies import number
from multimarket_async.domains.orders.formats.values import pointed
from multimarket_async.errors import Rejected
from multimarket_async.formats import Json
from multimarket_async.formats.found import DELIMITERS, encoding_of
from multimarket_async.formats.texts import MAX_BYTES, chunks, decoded
from multimarket_async.strict_json import BOM, loads

LOOKED_AT, DEPTH, SHOWN = 500, 5, 40
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
WITH_COMMA = re.compile(r"-?[\d\s.]*\d,\d{1,4}")
GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+\.\d+")
CODE = re.compile(r"[A-Za-z]{3}")
ESCAPED = re.compile(rb"&(amp|quot|lt|gt|#\d+);")
PATTERNS = [
    f"{day}{time}"
    for day in ("%a, %d %b %Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y")
    for time in (" %H:%M", " %H:%M:%S", " %H:%M:%S %z", " %H:%M:%S %Z", "")
]
# Names by which senders call a field, the usual ones first; see `_plain`.
ORDER = {
    "order_id": "order_id id_commande commande_id increment_id order_number order_no numero_commande num_commande"
    " no_commande bestellnummer invoice_no invoice_number facture no_facture ticket_id sale_id ticket reference ref"
    " numero number ticket_no bon no id uuid",
    "client_id": "customer_id client_id id_client id_customer compte_client customer client user_id buyer_id account_id"
    " member_id customer_number no_client code_client kunde",
    "date_commande": "date_commande order_date created_at date_created_gmt date_created created_on created date_add"
    " invoice_date ordered_at placed_at purchase_date processed_at date_achat date_vente sale_date posted_date_time"
    " posted_date create_time date horodatage timestamp time_stamp le",
    "maj_le": "updated_at date_modified_gmt date_modified date_upd modified_at last_modified last_update maj_le updated"
    " time_stamp version",
    "statut_commande": "financial_status payment_status statut_commande order_status statut status state etat"
    " current_state",
    "devise": "currency devise currency_code order_currency_code monnaie wahrung",
    "remise": "total_discounts discount_total discount_amount total_discount remise remise_totale discount reduction",
    "taxes": "total_tax tax_total tax_amount taxes montant_tva tva tax vat",
    "frais_livraison": "shipping_total shipping_amount frais_livraison frais_port shipping_cost shipping_fee shipping"
    " delivery_fee livraison_frais port",
    "total_livre": "subtotal_price subtotal total_products sous_total total_ht montant_total goods_total items_total"
    " subtotal_ex_tax calc_subtotal amount_goods total_price total grand_total",
}
LINE = {
    "ligne_id": "line_id line_item_id ligne_id item_id uid id",
    "produit_id": "sku produit_id product_id id_produit stock_code code_article article_id variant_id product_reference"
    " code_produit item_code ean code ref",
    "nom": "product_name nom_produit nom name title description designation libelle item_name product produit article"
    " label item bezeichnung",
    "quantite": "quantity quantite qty qte qty_ordered product_quantity quantity_purchased"
    " unit_quantity nb units nombre count menge cantidad",
    "prix_unitaire": "unit_price prix_unitaire price prix pu unit_price_tax_excl unit_price_ht price_ex_tax price_each"
    " unit_cost unit_amount preis",
    "montant": "line_total row_total total_ligne montant_ligne prix_total total_ex_tax total_price montant montant_ht"
    " amount total subtotal",
    "remise": "total_discount discount_amount remise discount reduction",
}
REFUND = {
    "remboursement_id": "refund_id remboursement_id id",
    "date_remboursement": "date_remboursement refunded_at created_at date_created_gmt date_created date",
    "montant": "amount montant total refund_amount",
}
ADDRESS = {"adresse": "address_1 address1 address_line_1 street rue adresse address line_1 line1 street1",
           "ville": "city ville town locality stadt ciudad commune"}  # fmt: skip
PLACES = ("shipping", "ship", "delivery", "livraison", "adresse", "address", "recipient", "destinataire")
LISTS_OF_REFUNDS = ("refunds", "remboursements", "returns", "retours", "avoirs", "credit_notes")
STATUSES = [
    ("annulée", re.compile("cancel|annul|void|refus|reject|fail|expire|storn")),
    ("en attente", re.compile("pending|attente|hold|new|nouveau|open|draft|unpaid|brouillon")),
    ("confirmée", re.compile("confirm|author|accept|valid")),
    ("payée", re.compile("")),
]
NO_LINES = '# each = the list of lines; where there is none: "[@]", with quantite = "`1`" and nom = "\'Payment\'"'
DATES = ("date_commande", "maj_le", "date_remboursement")
AMOUNTS = ("remise", "taxes", "frais_livraison", "total_livre", "quantite", "prix_unitaire", "montant")


class _Found(NamedTuple):
    """A field of a record: its expression, and a value of it."""

    path: str
    value: Any


def suggested(file: IncomingFile) -> str:
    """The declaration, as TOML. Raises Rejected for a file that is neither JSON nor CSV."""
    with file.open() as stream:
        start = stream.read(1 << 16).removeprefix(BOM).lstrip()
    return "\n".join(_of_json(file) if start[:1] in (b"{", b"[") else _of_csv(file)) + "\n"


# --- JSON -----------------------------------------------------------------------------------


def _of_json(file: IncomingFile) -> Iterator[str]:
    where, orders = _orders(file)
    if not orders:
        raise Rejected("not_an_object", "The file has no order, which would be an object.")
    lines_at, lines = _list_in(orders, _is_line)
    if comma := _has_commas(dict(_scalars(lines)).values()):
        orders, lines = _pointed(orders), _pointed(lines)
    fields = dict(_scalars(orders))
    found = _guessed(ORDER, fields)
    yield f"# A start, guessed from {file.name}: correct it, and see `check --format` with the same file."
    if where != "@":
        yield f"orders = {_toml(where)}"
    yield from _spelling(file, [*fields.values(), *dict(_scalars(lines)).values()], comma=comma)
    yield from _dates(found)
    if str(found.get("client_id", _Found("", None)).value) in ("0", "-1"):
        yield f"no_client = [{found['client_id'].value}]"
    yield from ("", "[order]", *_section(found, ("order_id", "date_commande")))
    yield from _address(fields)
    yield from ("", "[lines]", f"each = {_toml(lines_at or '?')}" if lines_at else NO_LINES)
    yield from _lines(_guessed(LINE, dict(_scalars(lines))))
    yield from _refunds(orders)
    yield from _words(_values(orders, found))


def _orders(file: IncomingFile) -> tuple[str, list[Any]]:
    """The place of the orders, and some of them."""
    try:
        tree = loads(file.content)
    except Rejected:
        records = Json().reader(dict)(file)
        return "@", [record.record for record in islice(records, LOOKED_AT) if hasattr(record, "record")]
    if isinstance(tree, list):
        return "@", [each for each in tree[:LOOKED_AT] if isinstance(each, dict)]
    for path, value in _inside(tree):
        inner = value if isinstance(value, list) else [value]
        if path != "@" and inner and all(map(_is_order, inner[:5])):
            return path, inner[:LOOKED_AT]
    if _is_order(tree):
        return "@", [tree]
    lists = ((path, value) for path, value in _inside(tree) if isinstance(value, list) and value)
    return next(((path, value[:LOOKED_AT]) for path, value in lists if isinstance(value[0], dict)), ("@", [tree]))


def _inside(tree: Any, path: str = "@", depth: int = 3) -> Iterator[tuple[str, Any]]:
    """The objects and lists below an object, the outer ones first."""
    yield path, tree
    for key, value in tree.items() if isinstance(tree, dict) and depth else ():
        if isinstance(value, (dict, list)):
            yield from _inside(value, _joined(path, key), depth - 1)


def _is_order(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(inner, list) and inner and all(map(_is_line, inner[:5])) for _, inner in _inside(value)
    )


def _is_line(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    found = _guessed(LINE, dict(_scalars([_pointed(value)])))
    return "nom" in found and "quantite" in found


def _list_in(records: list[Any], is_one: Callable[[Any], bool]) -> tuple[str, list[Any]]:
    """The list in these records whose elements are of that kind: its expression, and its elements in all of them."""
    for record in records:
        for path, value in _inside(record):
            if isinstance(value, list) and value and is_one(value[0]):
                return path, [each for other in records for each in _at(other, path) or ()]
    return "", []


def _at(record: Any, path: str) -> Any:
    return dict(_inside(record)).get(path)


def _scalars(records: Iterable[Any], path: str = "@", depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """Expressions of the values in records, with the last one of each that is there."""
    for record in records:
        for key, value in record.items() if isinstance(record, dict) else ():
            at = _joined(path, key)
            if isinstance(value, dict) and depth:
                yield from _scalars([value], path=at, depth=depth - 1)
            elif value is not None and not isinstance(value, (dict, list)):
                yield at, value


def _joined(path: str, key: str) -> str:
    name = key if PLAIN_NAME.fullmatch(key) else json.dumps(key, ensure_ascii=False)
    return name if path == "@" else f"{path}.{name}"


def _refunds(orders: list[Any]) -> Iterator[str]:
    for order in orders:
        for key, value in order.items():
            if _plain(key) in LISTS_OF_REFUNDS and isinstance(value, list) and value:
                found = _guessed(REFUND, dict(_scalars(value)))
                yield from ("", "[refunds]", f"each = {_toml(_joined('@', key))}", *_section(found, ()))
                yield from _refund_lines(value)
                return


def _refund_lines(refunds: list[Any]) -> Iterator[str]:
    lines_at, lines = _list_in(refunds, lambda each: isinstance(each, dict))
    if not lines_at:
        return
    names = {
        "ligne_id": "line_item_id source_line_item_uid ligne_id line_id",
        **LINE,
        "montant": "subtotal " + LINE["montant"],
    }
    found = _guessed(names, dict(_scalars(lines)))
    kept = {name: each for name, each in found.items() if name in ("ligne_id", "nom", "quantite", "montant")}
    yield from ("", "[refunds.lines]", f"each = {_toml(lines_at)}", *_section(kept, ()))


def _has_commas(values: Iterable[Any]) -> bool:
    return any(isinstance(value, str) and WITH_COMMA.fullmatch(value) for value in values)


def _pointed(tree: Any) -> Any:
    """The same with decimal points."""
    if isinstance(tree, dict):
        return {key: _pointed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_pointed(value) for value in tree]
    return pointed(tree) if isinstance(tree, str) and WITH_COMMA.fullmatch(tree) else tree


def _values(orders: list[Any], found: dict[str, _Found]) -> Iterator[Any]:
    """The statuses of the orders."""
    if at := found.get("statut_commande"):
        yield from (dict(_scalars([order])).get(at.path) for order in orders)


# --- CSV ------------------------------------------------------------------------------------


def _of_csv(file: IncomingFile) -> Iterator[str]:
    encoding = encoding_of(file, None, "cp1252", MAX_BYTES)
    text = "".join(islice(decoded(chunks(file, MAX_BYTES), encoding), 8))
    header, *_ = text.splitlines() or [""]
    rows = list(islice(csv.DictReader(io.StringIO(text), delimiter=max(DELIMITERS, key=header.count)), LOOKED_AT))
    if not rows:
        raise Rejected("empty_file", "The file is empty.", unfinished=True)
    fields = {
        _joined("@", key): value
        for row in rows
        for key, value in row.items()
        if key and isinstance(value, str) and value
    }
    if comma := _has_commas(fields.values()):
        fields = _pointed(fields)
    lines = _guessed(LINE, fields)
    taken = {each.path for name, each in lines.items() if name != "ligne_id"}
    found = _guessed(ORDER, {path: value for path, value in fields.items() if path not in taken})
    yield f"# A start, guessed from {file.name}: correct it, and see `check --format` with the same file."
    yield 'files = "csv"'
    yield from _spelling(file, [value for row in rows for value in row.values()], comma=comma)
    yield from _dates(found, [value for row in rows if (value := row.get(_name(found, "date_commande")))])
    if any((number(row.get(_name(lines, "quantite"))) or 0) < 0 for row in rows):
        yield 'negative_lines = "refund"'
    order = {name: each for name, each in found.items() if name not in ("total_livre", "remise", "taxes")}
    yield from ("", "[order]", *_section(order, ("order_id", "date_commande")), "", "[lines]")
    yield from _lines({name: each for name, each in lines.items() if name != "ligne_id"})
    yield from _words(row.get(_name(found, "statut_commande")) for row in rows)


def _spelling(file: IncomingFile, values: Iterable[Any], *, comma: bool) -> Iterator[str]:
    """Spelling of texts and numbers."""
    if ESCAPED.search(file.content):
        yield "html = true"
    if comma:
        yield 'decimal = ","'
    elif any(isinstance(value, str) and GROUPED.fullmatch(value) for value in values):
        yield 'thousands = ","'


def _name(found: dict[str, _Found], field: str) -> str:
    path = found[field].path if field in found else ""
    return json.loads(path) if path.startswith('"') else path


# --- Both -----------------------------------------------------------------------------------


def _plain(name: str) -> str:
    """A name in lower case, its words parted by _."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9\u00c0-\u017f]+", "_", name)
    return parted.lower().strip("_").translate(str.maketrans("éèêàùûôîç", "eeeauuoic"))


def _guessed(names: dict[str, str], fields: dict[str, Any]) -> dict[str, _Found]:
    """The field of each name: the first of the usual ones, the less deep first; its value has the shape of it."""
    found: dict[str, _Found] = {}
    for name, usual in names.items():
        candidates = [(_rank(path, usual.split()), path) for path in fields if _has_shape(name, fields[path])]
        ranked = sorted((rank, path.count("."), path) for rank, path in candidates if rank is not None)
        if ranked:
            found[name] = _Found(ranked[0][2], fields[ranked[0][2]])
    return found


def _rank(path: str, usual: list[str]) -> int | None:
    """The place of a name among the usual ones; that of an object counts too, as in customer.id."""
    steps = [_plain(step) for step in re.findall(r'"[^"]*"|[^.]+', path)]
    named = [usual.index(word) for word in ("_".join(steps[-2:]), steps[-1]) if word in usual]
    if not named or (steps[-1] in ("id", "name", "number", "total", "title") and len(steps) > 1 and len(named) == 1):
        return min(named) if named and "_".join(steps[-2:]) in usual else None
    return min(named)


def _has_shape(name: str, value: Any) -> bool:
    if name in DATES:
        return _is_date(value) or (name == "maj_le" and isinstance(value, int) and not isinstance(value, bool))
    if name == "devise":
        return isinstance(value, str) and bool(CODE.fullmatch(value))
    if name in AMOUNTS:
        return number(value) is not None
    return not isinstance(value, bool)


def _is_date(value: Any) -> bool:
    if isinstance(value, str):
        return bool(ISO.fullmatch(value)) or _pattern([value]) is not None
    return isinstance(value, int) and value > 10**8


def _pattern(values: list[str]) -> str | None:
    return next((pattern for pattern in PATTERNS if all(_reads(pattern, value) for value in values)), None)


def _reads(pattern: str, value: str) -> bool:
    try:
        datetime.strptime(value.strip(), pattern)  # noqa: DTZ007 - only its form matters
    except ValueError:
        return False
    return True


def _dates(found: dict[str, _Found], values: list[str] | None = None) -> Iterator[str]:
    at = found.get("date_commande")
    if at is None:
        return
    if isinstance(at.value, int):
        yield f'dates = "{"epoch_ms" if at.value > 10**11 else "epoch"}"'
    elif not ISO.fullmatch(at.value) and (pattern := _pattern(values or [at.value])):
        yield f"dates = {_toml(pattern)}"
    elif "gmt" in at.path or "utc" in at.path:
        yield 'zone = "UTC"'


def _section(found: dict[str, _Found], needed: tuple[str, ...]) -> Iterator[str]:
    for name in needed:
        if name not in found:
            yield f"# {name} = not found: name its field"
    for name, (path, value) in found.items():
        yield f"{name} = {_toml(path)}  # {_sample(value)}"


def _sample(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _lines(found: dict[str, _Found]) -> Iterator[str]:
    """The fields of a line: its amount where quantity times price is not the same."""
    quantity, price, amount = (
        number(found[name].value) if name in found else None for name in ("quantite", "prix_unitaire", "montant")
    )
    if None not in (quantity, price, amount) and _agree(quantity, price, amount):  # type: ignore[arg-type]
        found = {name: each for name, each in found.items() if name != "montant"}
    if "montant" in found and price is None:
        found.pop("remise", None)
    yield from _section(found, ("nom", "quantite"))
    if not {"prix_unitaire", "montant"} & found.keys():
        yield "# prix_unitaire = not found: name its field, or that of montant"


def _agree(quantity: Decimal, price: Decimal, amount: Decimal) -> bool:
    return abs(quantity * price - amount) < Decimal("0.01")


def _address(fields: dict[str, Any]) -> Iterator[str]:
    at = {path: value for path, value in fields.items() if any(place in path.lower() for place in PLACES)}
    for part, usual in ADDRESS.items():
        ranked = sorted((_rank_of_leaf(path, usual.split()), path) for path in at)
        if ranked and ranked[0][0] < len(usual.split()):
            yield f"livraison.{part} = {_toml(ranked[0][1])}  # {_sample(at[ranked[0][1]])}"


def _rank_of_leaf(path: str, usual: list[str]) -> int:
    leaf = _plain(re.findall(r'"[^"]*"|[^.]+', path)[-1])
    return usual.index(leaf) if leaf in usual else len(usual)


def _words(statuses: Iterable[Any]) -> Iterator[str]:
    words = sorted({str(status) for status in statuses if status not in (None, "")})
    if not words:
        yield from ("", "[default]", 'statut_commande = "payée"')
        return
    yield from ("", "[words.statut_commande]  # guessed: payée, confirmée, en attente or annulée")
    for word in words:
        meaning = next(meaning for meaning, pattern in STATUSES if pattern.search(_plain(word)))
        yield f"{_toml(word) if not PLAIN_NAME.fullmatch(word) else word} = {_toml(meaning)}"


def _toml(text: str) -> str:
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)
