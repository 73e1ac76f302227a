"""An order as its sender has it -> the same order in our words: what each expression of a format makes of it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from multimarket_async.domains.orders.formats import values
from multimarket_async.domains.orders.formats.declared import Format, LineFields, OrderFields, RefundFields
from multimarket_async.domains.orders.formats.paths import Get, compiled
from multimarket_async.domains.orders.formats.values import Spell, first_of, number, sum_of, written

Order: TypeAlias = dict[str, Any]
Fields: TypeAlias = list[tuple[str, Get]]
AMOUNTS = ("remise", "taxes", "frais_livraison", "frais", "total_livre")
OF_LINE = ("ligne_id", "produit_id", "nom")


def mapping(form: Format, decimals: Callable[[str], int]) -> Callable[[Any], Order]:
    """The function that makes an order in our words of one of the sender's. It raises JMESPathError.

    decimals: of a currency by its code, for formats whose amounts are in minor units.
    """
    of_order, lines_of, refunds_of = _order(form), _lines(form), _refunds(form)
    is_credit = compiled(form.order.avoir[0]) if form.order.avoir else None
    with_tax = compiled(form.order.taxes_comprises[0]) if form.order.taxes_comprises else None

    def mapped(tree: Any) -> Order:
        order = {name: found for name, get in of_order if (found := get(tree)) is not None}
        tax = bool(with_tax and with_tax(tree) is True)
        order["produits"] = lines_of(tree, tax)
        if refunds := refunds_of(tree, tax, order):
            order["remboursements"] = refunds
        if form.negative_lines == "refund":
            _credit_negative(order)
        if is_credit and is_credit(tree):
            _credit_all(order)
        if form.amounts == "minor":
            _to_units(order, decimals(order.get("devise", "")))
        return order

    return mapped


def _numeral(form: Format) -> Spell:
    return values.pointed if form.decimal == "," else lambda value: value


def _name(form: Format) -> Spell:
    return values.unescaped if form.html else values.text


def _order(form: Format) -> Fields:
    fields, numeral, date = form.order, _numeral(form), values.date_in(form.dates, form.zone)
    found: dict[str, Get | None] = {
        "order_id": first_of(fields.order_id, values.identifier),
        "client_id": _maybe(fields.client_id, values.client_in(form.no_client)),
        "date_commande": first_of(fields.date_commande, date),
        "maj_le": _maybe(fields.maj_le, date),
        "canal": _maybe(fields.canal, values.word_in(form.words.canal)),
        "statut_commande": _word(fields.statut_commande, form.words.statut_commande, form.default.statut_commande),
        "devise": _word(fields.devise, form.words.devise, form.default.devise),
        "avoir_de": _maybe(fields.avoir_de, values.identifier),
        "livraison": _address(fields, _name(form)),
        **{name: _sum(getattr(fields, name), numeral) for name in AMOUNTS},
    }
    return [(name, get) for name, get in found.items() if get]


def _maybe(paths: tuple[str, ...] | None, spell: Spell) -> Get | None:
    return first_of(paths, spell) if paths else None


def _sum(paths: tuple[str, ...] | None, spell: Spell) -> Get | None:
    return sum_of(paths, spell) if paths else None


def _word(paths: tuple[str, ...] | None, words: dict[str, str], default: str) -> Get | None:
    get = _maybe(paths, values.word_in(words))
    if not default:
        return get
    return (lambda tree: default if (found := get(tree)) is None else found) if get else lambda _: default


def _address(fields: OrderFields, name: Spell) -> Get | None:
    if not (fields.livraison.adresse or fields.livraison.ville):
        return None
    parts = {part: _maybe(getattr(fields.livraison, part), name) for part in ("adresse", "ville")}
    getters = [(part, get) for part, get in parts.items() if get]

    def address(tree: Any) -> dict[str, Any] | None:
        found = {part: value for part, get in getters if (value := get(tree)) is not None}
        return {"adresse": "", "ville": "", **found} if found else None

    return address


def _lines(form: Format) -> Callable[[Any, bool], list[Any]]:
    each, getters = compiled(form.lines.each[0]) if form.lines.each else None, _line_fields(form.lines, form)
    taxed = _taxed(form)

    def lines(tree: Any, with_tax: bool) -> list[Any]:
        rows = each(tree) if each else tree[ROWS]
        if not isinstance(rows, list):
            return []
        made = [{name: found for name, get in getters if (found := get(row)) is not None} for row in rows]
        return [taxed(line, row) for line, row in zip(made, rows, strict=True)] if with_tax else made

    return lines


ROWS = "rows"  # of an order in a CSV file, beside the columns of its first one


def _line_fields(fields: LineFields, form: Format) -> Fields:
    numeral = _numeral(form)
    found: dict[str, Get | None] = {
        "ligne_id": _maybe(fields.ligne_id, values.identifier),
        "produit_id": _maybe(fields.produit_id, values.identifier),
        "nom": first_of(fields.nom, _name(form)),
        "quantite": sum_of(fields.quantite, numeral),
        **{name: _sum(getattr(fields, name), numeral) for name in ("prix_unitaire", "montant", "remise")},
    }
    return [(name, get) for name, get in found.items() if get]


def _taxed(form: Format) -> Callable[[Order, Any], Order]:
    """The line without the tax that is in its price."""
    tax = sum_of(form.lines.taxe, _numeral(form)) if form.lines.taxe else lambda _: None

    def without_tax(line: Order, row: Any) -> Order:
        amount, taxed = amount_of(line), number(tax(row))
        if amount is None or taxed is None:
            return line
        return {**line, "montant": written(amount - taxed)}

    return without_tax


def amount_of(line: Order) -> Any:
    """The amount of a line after its discount; None where it does not follow."""
    if "montant" in line:
        return number(line["montant"])
    quantity, price, discount = (number(line.get(name, 0)) for name in ("quantite", "prix_unitaire", "remise"))
    return None if quantity is None or price is None or discount is None else quantity * price - discount


# --- Refunds --------------------------------------------------------------------------------


def _refunds(form: Format) -> Callable[[Any, bool, Order], list[Order]]:
    fields = form.refunds
    if not fields:
        return lambda *_: []
    each, getters, lines_of = compiled(fields.each[0]), _refund_fields(fields, form), _refund_lines(fields, form)

    def refunds(tree: Any, with_tax: bool, order: Order) -> list[Order]:
        rows = each(tree)
        if not isinstance(rows, list):
            return []
        found = []
        for row in rows:
            refund = {name: value for name, get in getters if (value := get(row)) is not None}
            refund.setdefault("date_remboursement", _last_date(order))
            found.append({**refund, "lignes": lines_of(row, with_tax)})
        return found

    return refunds


def _last_date(order: Order) -> Any:
    changed = order.get("maj_le")
    return changed if isinstance(changed, str) else order.get("date_commande")


def _refund_fields(fields: RefundFields, form: Format) -> Fields:
    found: dict[str, Get | None] = {
        "remboursement_id": _maybe(fields.remboursement_id, values.identifier),
        "date_remboursement": _maybe(fields.date_remboursement, values.date_in(form.dates, form.zone)),
        "montant": _unsigned(_sum(fields.montant, _numeral(form))),
    }
    return [(name, get) for name, get in found.items() if get]


def _unsigned(get: Get | None) -> Get | None:
    return (lambda tree: values.unsigned(get(tree))) if get else None


def _refund_lines(fields: RefundFields, form: Format) -> Callable[[Any, bool], list[Order]]:
    lines, numeral = fields.lines, _numeral(form)
    if not lines:
        return lambda *_: []
    found: dict[str, Get | None] = {
        "ligne_id": _maybe(lines.ligne_id, values.identifier),
        "nom": _maybe(lines.nom, _name(form)),
        "quantite": _unsigned(_sum(lines.quantite, numeral)),
        "montant": _unsigned(_sum(lines.montant, numeral)),
    }
    each, getters = compiled(lines.each[0]), [(name, get) for name, get in found.items() if get]
    tax = _unsigned(_sum(lines.taxe, numeral))

    def refund_lines(tree: Any, with_tax: bool) -> list[Order]:
        rows = each(tree)
        made = []
        for row in rows if isinstance(rows, list) else ():
            line = {name: value for name, get in getters if (value := get(row)) is not None}
            amount, taxed = number(line.get("montant")), number(tax(row)) if with_tax and tax else None
            made.append(line if amount is None or taxed is None else {**line, "montant": written(amount - taxed)})
        return made

    return refund_lines


def _credit_negative(order: Order) -> None:
    """Make a refund of the lines with a negative quantity; an order of such lines alone is a credit note."""
    negative = [line for line in order["produits"] if values.is_negative(line.get("quantite"))]
    if not negative:
        return
    order["produits"] = [line for line in order["produits"] if not values.is_negative(line.get("quantite"))]
    _credit(order, negative)


def _credit_all(order: Order) -> None:
    """Make a credit note of an order: its lines are what is refunded."""
    lines, order["produits"] = order["produits"], []
    if lines:
        _credit(order, lines)
    order["avoir"] = True


def _credit(order: Order, lines: list[Order]) -> None:
    refund = {
        "remboursement_id": order.get("order_id"),
        "date_remboursement": order.get("date_commande"),
        "lignes": [_credited(line) for line in lines],
    }
    order.setdefault("remboursements", []).append(refund)
    if not order["produits"]:
        order["avoir"] = True


def _credited(line: Order) -> Order:
    amount = amount_of(line)
    known = {name: line[name] for name in OF_LINE if name in line}
    quantity = {"quantite": values.unsigned(line["quantite"])} if "quantite" in line else {}
    return {**known, **quantity, **({} if amount is None else {"montant": written(abs(amount))})}


# --- Minor units ----------------------------------------------------------------------------


def _to_units(order: Order, decimals: int) -> None:
    refunds = order.get("remboursements", ())
    for part in (order, *order["produits"], *refunds, *(line for refund in refunds for line in refund["lignes"])):
        for name in (*AMOUNTS, "montant", "prix_unitaire"):
            if isinstance(part, dict) and name in part:
                part[name] = values.in_units(part[name], decimals)
