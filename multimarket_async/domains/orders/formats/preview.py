"""Orders of a file as a format reads them, to be looked at: each field with its expression, and the total compared."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from multimarket_async.domains import IncomingFile, Located, Preview, RejectedRecord
from multimarket_async.domains.orders.currencies import exponent, minor_units, number
from multimarket_async.domains.orders.formats import Check, make_of, records_of
from multimarket_async.domains.orders.formats.declared import Format
from multimarket_async.domains.orders.formats.wide import Order, amount_of, mapping
from multimarket_async.errors import Rejected

SEEN = "order"  # under this key a record is kept as it came out


def previews(form: Format, currency: str, check: Check, file: IncomingFile) -> Iterator[Preview]:
    """An entry for each order, and for each record that is rejected. currency: of orders that name none."""
    seen: list[Order] = []

    def keep(order: Order) -> dict[str, Any]:
        seen[:] = [order]
        check(order)
        return {SEEN: order}

    for record in records_of(form, make_of(mapping(form, lambda code: exponent(code or currency)), keep))(file):
        if isinstance(record, RejectedRecord):
            yield _entry(form, currency, seen.pop() if seen else {}, record.line, record.reasons)
        elif isinstance(record, Located) and isinstance(record.record, dict):
            yield _entry(form, currency, record.record[SEEN], record.line, ())
        seen.clear()


def _entry(form: Format, currency: str, order: Order, line: int, reasons: tuple[Rejected, ...]) -> Preview:
    money = str(order.get("devise") or currency).strip().upper()
    compared, same = _compared(order, money) if order else ((), True)
    return Preview(line, str(order.get("order_id", "")), _fields(form, order, money), compared, order, reasons, same)


def _fields(form: Format, order: Order, currency: str) -> tuple[tuple[str, str, str], ...]:
    found = [
        (name, _shown(_value(order, name)), " + ".join(paths).replace("+ -", "- "))
        for name, paths in _expressions(form)
    ]
    found.append(("produits", str(len(order.get("produits", ()))), _of_lines(form)))
    found += [(f"produits[{place}]", _line(line, currency), "") for place, line in enumerate(order.get("produits", ()))]
    for place, refund in enumerate(order.get("remboursements", ())):
        found.append((f"remboursements[{place}]", _refund(refund, currency), ""))
    return tuple(found)


def _expressions(form: Format) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in type(form.order).model_fields:
        paths = getattr(form.order, name)
        if name == "livraison":
            yield from ((f"{name}.{part}", given) for part, given in paths if given)
        elif paths and name not in ("avoir", "taxes_comprises"):
            yield name, paths


def _of_lines(form: Format) -> str:
    """The expressions of a line in one."""
    given = ((name, getattr(form.lines, name)) for name in type(form.lines).model_fields)
    fields = ", ".join(f"{name} {' + '.join(paths)}" for name, paths in given if paths and name != "each")
    return f"{form.lines.each[0]}: {fields}" if form.lines.each else fields


def _value(order: Order, name: str) -> Any:
    head, _, part = name.partition(".")
    found = order.get(head)
    return found.get(part) if part and isinstance(found, dict) else found


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _line(line: Order, currency: str) -> str:
    amount = amount_of(line)
    priced = f" x {line['prix_unitaire']}" if "prix_unitaire" in line else ""
    less = f" - {line['remise']}" if "remise" in line and "montant" not in line else ""
    total = "?" if amount is None else _money(amount, currency)
    return f"{_shown(line.get('nom'))}: {_shown(line.get('quantite'))}{priced}{less} = {total}"


def _refund(refund: Order, currency: str) -> str:
    lines = [f"{line.get('nom', line.get('ligne_id'))}: {_shown(line.get('quantite'))}" for line in refund["lignes"]]
    return f"{_money(_refunded(refund), currency)} {currency}, {refund.get('date_remboursement')}; {', '.join(lines)}"


def _refunded(refund: Order) -> Decimal:
    given = number(refund.get("montant"))
    return (
        sum((number(line.get("montant")) or Decimal() for line in refund["lignes"]), Decimal())
        if given is None
        else given
    )


def _money(amount: Decimal, currency: str) -> str:
    return f"{Decimal(minor_units(amount, exponent(currency))).scaleb(-exponent(currency)):f}"


def _compared(order: Order, currency: str) -> tuple[tuple[str, ...], bool]:
    """The sum of the goods beside the total of the sender; True if they agree, or there is only one of them."""
    amounts = [amount_of(line) for line in order["produits"]]
    if None in amounts:
        return (), True
    goods = sum((Decimal(_money(amount, currency)) for amount in amounts if amount is not None), Decimal())
    refunded = sum(map(_refunded, order.get("remboursements", ())), Decimal())
    sums = f"Goods {_money(goods, currency)}, refunded {_money(refunded, currency)}, "
    sums += f"net {_money(goods - refunded, currency)} {currency}."
    total = number(order.get("total_livre"))
    if total is None:
        return (sums,), True
    same = minor_units(total, exponent(currency)) == minor_units(goods, exponent(currency))
    compared = (
        "The sender's own total is the same." if same else f"The sender's own total is {_money(total, currency)}."
    )
    return (sums, compared), same
