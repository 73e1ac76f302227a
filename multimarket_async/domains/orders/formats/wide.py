"""An order as its sender has it -> the same order in our words: what each expression of a format makes of it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from multimarket_async.domains.orders.currencies import number
from multimarket_async.domains.orders.formats import values
from multimarket_async.domains.orders.formats.declared import Format, LineFields, OrderFields, RefundFields
from multimarket_async.domains.orders.formats.paths import Get, compiled
from multimarket_async.domains.orders.formats.values import (
    Field,
    Spell,
    first_of,
    gathered,
    same,
    sum_of,
    value_of,
    written,
)

Order: TypeAlias = dict[str, Any]
AMOUNTS = ("remise", "taxes", "frais_livraison", "frais", "total_livre")
OF_LINE = ("ligne_id", "produit_id", "nom")


def mapping(form: Format, decimals: Callable[[str], int]) -> Callable[[Any], Order]:
    """The function that makes an order in our words of one of the sender's. It raises JMESPathError.

    decimals: of a currency by its code, "" where an order names none, for formats whose amounts are in minor units.
    """
    of_order, lines_of, refunds_of = _order(form), _lines(form), _refunds(form)
    is_credit = compiled(form.order.avoir[0]) if form.order.avoir else None
    with_tax = compiled(form.order.taxes_comprises[0]) if form.order.taxes_comprises else None

    def mapped(tree: Any) -> Order:
        order = of_order(tree)
        tax = bool(with_tax and with_tax(tree) is True)
        order["produits"] = lines_of(tree, tax)
        if refunds := refunds_of(tree, tax, order):
            order["remboursements"] = refunds
        if form.negative_lines == "refund":
            _credit_negative(order)
        if is_credit and is_credit(tree):
            _credit_all(order)
        if form.amounts == "minor":
            _to_units(order, decimals(str(order.get("devise", "")).strip().upper()))
        return order

    return mapped


def _numeral(form: Format) -> Spell:
    if form.decimal == ",":
        return values.pointed
    return values.ungrouped if form.thousands else same


def _listed(found: Any) -> list[Any]:
    """A list; an object alone is one of a list: what was XML has no list where there is one element."""
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []


def _name(form: Format) -> Spell:
    return values.unescaped if form.html else values.text


def _order(form: Format) -> Callable[[Any], Order]:
    fields, numeral, date = form.order, _numeral(form), values.date_in(form.dates, form.zone)
    found = [
        first_of("order_id", fields.order_id, values.identifier),
        first_of("date_commande", fields.date_commande, date),
        _maybe("client_id", fields.client_id, values.client_in(form.no_client)),
        _maybe("maj_le", fields.maj_le, date),
        _maybe("canal", fields.canal, values.word_in(form.words.canal)),
        _maybe("statut_commande", fields.statut_commande, values.word_in(form.words.statut_commande)),
        _maybe("devise", fields.devise, values.word_in(form.words.devise)),
        _maybe("avoir_de", fields.avoir_de, values.identifier),
        *(_sum(name, getattr(fields, name), numeral) for name in AMOUNTS),
    ]
    gather, address = gathered(list(filter(None, found))), _address(fields, _name(form))
    defaults = {name: word for name, word in form.default if word}

    def order(tree: Any) -> Order:
        made = {**defaults, **gather(tree)}
        if place := address(tree):
            made["livraison"] = place
        return made

    return order


def _maybe(name: str, paths: tuple[str, ...] | None, spell: Spell) -> Field | None:
    return first_of(name, paths, spell) if paths else None


def _sum(name: str, paths: tuple[str, ...] | None, spell: Spell) -> Field | None:
    return sum_of(name, paths, spell) if paths else None


def _address(fields: OrderFields, name: Spell) -> Get:
    parts = [_maybe(part, getattr(fields.livraison, part), name) for part in ("adresse", "ville")]
    gather = gathered(list(filter(None, parts)))

    def address(tree: Any) -> dict[str, Any] | None:
        found = gather(tree)
        return {"adresse": "", "ville": "", **found} if found else None

    return address if any(parts) else lambda _: None


def _lines(form: Format) -> Callable[[Any, bool], list[Any]]:
    each, line = compiled(form.lines.each[0]) if form.lines.each else None, _line_fields(form.lines, form)
    taxed = _taxed(form)

    def lines(tree: Any, with_tax: bool) -> list[Any]:
        rows = _listed(each(tree) if each else tree[ROWS])
        made = list(map(line, rows))
        return [taxed(found, row) for found, row in zip(made, rows, strict=True)] if with_tax else made

    return lines


ROWS = "rows"  # of an order in a CSV file, beside the columns of its first one


def _line_fields(fields: LineFields, form: Format) -> Callable[[Any], Order]:
    numeral = _numeral(form)
    found = [
        _maybe("ligne_id", fields.ligne_id, values.identifier),
        _maybe("produit_id", fields.produit_id, values.identifier),
        first_of("nom", fields.nom, _name(form)),
        sum_of("quantite", fields.quantite, numeral),
        *(_sum(name, getattr(fields, name), numeral) for name in ("prix_unitaire", "montant", "remise")),
    ]
    return gathered(list(filter(None, found)))


def _taxed(form: Format) -> Callable[[Order, Any], Order]:
    """The line without the tax that is in its price."""
    tax = value_of(_sum("taxe", form.lines.taxe, _numeral(form)))

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
    each, fields_of, lines_of = compiled(fields.each[0]), _refund_fields(fields, form), _refund_lines(fields, form)

    def refunds(tree: Any, with_tax: bool, order: Order) -> list[Order]:
        found = []
        for row in _listed(each(tree)):
            refund = {"date_remboursement": _last_date(order), **fields_of(row), "lignes": lines_of(row, with_tax)}
            found.append(_unsigned(refund, "montant"))
        return found

    return refunds


def _last_date(order: Order) -> Any:
    changed = order.get("maj_le")
    return changed if isinstance(changed, str) else order.get("date_commande")


def _unsigned(part: Order, *names: str) -> Order:
    for name in names:
        if name in part:
            part[name] = values.unsigned(part[name])
    return part


def _refund_fields(fields: RefundFields, form: Format) -> Callable[[Any], Order]:
    found = [
        _maybe("remboursement_id", fields.remboursement_id, values.identifier),
        _maybe("date_remboursement", fields.date_remboursement, values.date_in(form.dates, form.zone)),
        _sum("montant", fields.montant, _numeral(form)),
    ]
    return gathered(list(filter(None, found)))


def _refund_lines(fields: RefundFields, form: Format) -> Callable[[Any, bool], list[Order]]:
    lines, numeral = fields.lines, _numeral(form)
    if not lines:
        return lambda *_: []
    found = [
        _maybe("ligne_id", lines.ligne_id, values.identifier),
        _maybe("nom", lines.nom, _name(form)),
        _sum("quantite", lines.quantite, numeral),
        _sum("montant", lines.montant, numeral),
    ]
    each, fields_of = compiled(lines.each[0]), gathered(list(filter(None, found)))
    tax = value_of(_sum("taxe", lines.taxe, numeral))

    def refund_lines(tree: Any, with_tax: bool) -> list[Order]:
        made = []
        for row in _listed(each(tree)):
            line = _unsigned(fields_of(row), "quantite", "montant")
            amount, taxed = number(line.get("montant")), number(tax(row)) if with_tax else None
            made.append(line if amount is None or taxed is None else {**line, "montant": written(amount - abs(taxed))})
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
