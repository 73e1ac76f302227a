"""Faults inside of a file."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from tests.corpus.case import ABSENT, ORDER, STORED, Case, changed, good, swapped

PRICE, QUANTITY = "/produits/0/prix_unitaire", "/produits/0/quantite"
BEFORE_E_ACUTE = 38  # characters of line 5 before the é of Café


def contents() -> Iterator[Case]:
    """All of them."""
    return chain(
        _encodings(),
        _cuts(),
        _not_json(),
        _not_a_json_number(),
        _not_an_order(),
        _numbers(),
        _duplicate_keys(),
        _sizes(),
        _odd_text(),
        _odd_keys(),
        _wrong_types(),
        _missing_fields(),
        _wrong_values(),
        _dates(),
        _identifiers(),
    )


def _encodings() -> Iterator[Case]:
    yield Case("UTF-8 with BOM", good("UTF-8 with BOM").decode().encode("utf-8-sig"))
    yield Case("UTF-7", good("UTF-7").decode().replace("é", "+AOk-", 1).encode())
    for encoding in ("UTF-16", "UTF-16-LE", "UTF-16-BE", "UTF-32", "UTF-32-LE"):
        yield Case(encoding, ORDER.encode(encoding), "not_utf8")
    yield Case("UTF-16 BE with BOM", b"\xfe\xff" + ORDER.encode("UTF-16-BE"), "not_utf8")
    yield Case("UTF-32-BE", ORDER.encode("UTF-32-BE"), "not_utf8", place=(5, 4 * BEFORE_E_ACUTE + 3 + 1))
    for encoding in ("Latin-1", "Mac-Roman", "CP437"):
        yield Case(encoding, ORDER.encode(encoding), "not_utf8", place=(5, BEFORE_E_ACUTE + 1))
    for wrong, wild in (("overlong UTF-8", b"\xc0\xaf"), ("surrogate in UTF-8", b"\xed\xa0\x80"), ("byte FF", b"\xff")):
        yield Case(wrong, ORDER.encode().replace("é".encode(), wild, 1), "not_utf8", place=(5, BEFORE_E_ACUTE + 1))
    yield Case("gzip", gzip.compress(ORDER.encode()), "not_utf8", place=(1, 2))
    yield Case("a photo", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_utf8", place=(1, 1))


def _cuts() -> Iterator[Case]:
    """One family: an order cut at every byte."""
    whole = ORDER.encode().rstrip()
    inside_e_acute = {whole.index("é".encode()) + 1, whole.rindex("é".encode()) + 1}
    for length in range(1, len(whole)):
        text = whole[:length].decode(errors="ignore")
        code = "not_utf8" if length in inside_e_acute else "truncated"
        place = (text.count("\n") + 1, len(text) - text.rfind("\n"))
        yield Case(f"cut after {length} bytes", whole[:length], code, place=place)


def _not_json() -> Iterator[Case]:
    yield Case("empty", b"", "empty_file")
    yield Case("white space only", b" \r\n\t ", "empty_file")
    yield Case("BOM only", b"\xef\xbb\xbf", "empty_file")
    yield Case("NUL bytes only", b"\0" * 512, "syntax_error", place=(1, 1))
    yield Case("NUL after the order", ORDER.encode() + b"\0", "syntax_error", place=(12, 1))
    yield swapped("NUL in a text", "Café", "Ca\0fé", "syntax_error", place=(5, 38))
    yield swapped("newline in a text", "Café", "Ca\nfé", "syntax_error", place=(5, 38))
    yield swapped("an order inside an order", "}\n", "}\n" + ORDER, "syntax_error", place=(6, 1))
    yield Case("two orders in one file", (ORDER * 2).encode(), "syntax_error", place=(12, 1))
    yield swapped("trailing comma", "8500.00}", "8500.00,}", "syntax_error", place=(5, 83))
    yield swapped("no comma", '"123",', '"123"', "syntax_error", place=(4, 3))
    yield swapped("no colon", '"canal":', '"canal"', "syntax_error", place=(8, 11))
    yield swapped("comment", "{\n", "{ // an order\n", "syntax_error", place=(1, 3))
    yield swapped("single quotes", '"canal"', "'canal'", "syntax_error", place=(8, 3))
    yield swapped("key without quotes", '"canal"', "canal", "syntax_error", place=(8, 3))
    yield swapped("unknown escape", "Café", r"\x43afé", "syntax_error", place=(5, 36))
    yield Case("Python instead of JSON", repr(json.loads(ORDER)).encode(), "syntax_error", place=(1, 2))
    yield Case("XML", b"<order><id>1</id></order>", "syntax_error", place=(1, 1))
    yield Case("CSV", b"order_id;client_id\n1;2\n", "syntax_error", place=(1, 1))
    yield Case("YAML", b"order_id: 1\n", "syntax_error", place=(1, 1))


def _not_a_json_number() -> Iterator[Case]:
    yield swapped("leading zero", "8500.00", "08500.00", "syntax_error", place=(5, 76))
    yield swapped("leading plus", "8500.00", "+8500.00", "syntax_error", place=(5, 75))
    yield swapped("leading point", "8500.00", ".5", "syntax_error", place=(5, 75))
    yield swapped("decimal comma", "8500.00", "8500,00", "syntax_error", place=(5, 80))
    yield swapped("underscore in a number", "8500.00", "8_500.00", "syntax_error", place=(5, 76))
    yield swapped("hexadecimal number", "8500.00", "0x2134", "syntax_error", place=(5, 76))


def _not_an_order() -> Iterator[Case]:
    for wrong, text in {
        "a list": f"[{ORDER}]",
        "a text": '"x"',
        "a number": "1",
        "null": "null",
        "true": "true",
    }.items():
        yield Case(f"{wrong} instead of an order", text.encode(), "not_an_object")
    yield Case("an object without fields", b"{}", "missing_field", "/order_id")


def _numbers() -> Iterator[Case]:
    for literal in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        yield swapped(f"price {literal}", "8500.00", literal, "not_a_number", PRICE)
    yield swapped("NaN in an unknown field", "{\n", '{"x": [0, NaN],', "not_a_number", "/x/1")
    yield swapped("10^19 in an unknown field", "{\n", f'{{"x": 1{"0" * 19},', "integer_out_of_range", "/x")
    for wrong, literal in {
        "10^19": "1" + "0" * 19,
        "2^63": str(2**63),
        "minus 2^63 minus 1": str(-(2**63) - 1),
        "5000 digits": "9" * 5000,
    }.items():
        yield swapped(f"quantity {wrong}", " 2,", f" {literal},", "integer_out_of_range", QUANTITY)
    yield swapped("quantity 2^63 - 1", " 2,", f" {2**63 - 1},", "out_of_range", QUANTITY)
    for literal in ("0", "-1", "-0", "1000000000001"):
        yield swapped(f"quantity {literal}", " 2,", f" {literal},", "out_of_range", QUANTITY)
    for literal in ("2.0", "2.5", "1e2"):
        yield swapped(f"quantity {literal}", " 2,", f" {literal},", "wrong_type", QUANTITY)
    yield swapped("price -0.01", "8500.00", "-0.01", "out_of_range", PRICE)
    yield swapped("price 1e308", "8500.00", "1e308", "amount_too_large", "/produits")
    yield swapped("price 0", "8500.00", "0", STORED)
    yield swapped("price of 400 decimals", "8500.00", "1." + "3" * 400, STORED)


def _duplicate_keys() -> Iterator[Case]:
    yield swapped("duplicate key in the order", "{\n", '{"canal": "web",', "duplicate_key", "/canal")
    yield swapped("duplicate key, same value", "{\n", '{"order_id": "@",', "duplicate_key", "/order_id")
    yield swapped("duplicate key in a line", '"nom"', '"quantite": 2, "nom"', "duplicate_key", QUANTITY)
    yield swapped("duplicate key in livraison", '"ville"', '"ville": "", "ville"', "duplicate_key", "/livraison/ville")
    yield swapped("duplicate key, unknown field", "{\n", '{"x": [{"a": 1, "a": 2}],', "duplicate_key", "/x/0/a")
    yield swapped("duplicate key, escaped", "{\n", '{"can\\u0061l": "web",', "duplicate_key", "/canal")


def _sizes() -> Iterator[Case]:
    yield swapped("64 levels deep", "{\n", '{"x": ' + "[" * 63 + "]" * 63 + ",", STORED)
    yield swapped("65 levels deep", "{\n", '{"x": ' + "[" * 64 + "]" * 64 + ",", "too_deep", "/x" + "/0" * 63)
    yield Case("100000 levels deep", b"[" * 100_000 + b"]" * 100_000, "too_deep", "/0" * 64)
    yield Case("100000 objects deep", b'{"a":' * 100_000, "too_deep", "/a" * 64)
    yield Case("4 MiB", good("4 MiB").ljust(4 << 20))
    yield Case("4 MiB and a byte", good("4 MiB and a byte").ljust((4 << 20) + 1), "file_too_large")
    yield Case("20 MB", good("20 MB").ljust(20_000_000), "file_too_large")
    line = ORDER.splitlines()[4].strip()
    yield swapped("20000 lines", line, ",".join([line] * 20_000), STORED)
    bad_lines = changed("20000 bad lines", "/produits", [1] * 20_000, "wrong_type")
    yield replace(bad_lines, pointer="/produits/0")
    yield swapped("a name of 1 MB", "Café", "x" * 1_000_000, STORED)


def _odd_text() -> Iterator[Case]:
    yield swapped("lone surrogate in a name", "Café", r"\ud800", "lone_surrogate", "/produits/0/nom")
    yield swapped("surrogates the wrong way round", "Café", r"\ude00\ud83d", "lone_surrogate", "/produits/0/nom")
    yield swapped("lone surrogate in an id", '"@"', r'"\udfff"', "lone_surrogate", "/order_id")
    yield swapped("lone surrogate in a key", "{\n", r'{"\ud800": 1,', "lone_surrogate", r"/\ud800")
    yield swapped("escaped emoji", "Café", r"\ud83d\ude00", STORED)
    yield swapped("escaped NUL in a name", "Café", r"a\u0000b", STORED)
    yield swapped("spreadsheet formula", "Café", "=cmd|' /C calc'!A0", STORED)
    yield swapped("script", "Café", "<script>alert(1)</script>", STORED)
    yield swapped("terminal escape", "Café", r"\u001b[2J\u0007", STORED)
    yield swapped("right to left", "Café", "\u202egnp.exe", STORED)
    yield swapped("format string", "Café", "%s%n{0.__class__}", STORED)


def _odd_keys() -> Iterator[Case]:
    yield swapped("NUL in a key", "{\n", r'{"a\u0000b": 1,', "nul_in_key", "/a\0b")
    yield swapped("NUL in a key of a line", '"nom"', r'"\u0000": 1, "nom"', "nul_in_key", "/produits/0/\0")
    for key in ("$where", "$", "a.b", ".", "$set.x", "", "__proto__", "$ref", "$oid", "$date", "\\u00e9", "x" * 10_000):
        yield swapped(f"key {key[:10]}", "{\n", f'{{"{key}": {{"{key}": 1}},', STORED)
    yield swapped("a DBRef", "{\n", '{"x": {"$ref": "commandes", "$id": 1, "$db": "admin"},', STORED)
    for key in ("_id", "ingestion", "montant_centimes", "champs_livres"):
        yield swapped(f"key of ours {key}", "{\n", f'{{"{key}": {{"$ne": null}},', STORED)


def _wrong_types() -> Iterator[Case]:
    for pointer, values in {
        "/order_id": (None, True, 1.5, [], {"$gt": ""}),
        "/client_id": (None, True, 1.0, [], {}),
        "/produits": (None, True, 1, "x", {}),
        "/produits/0": (None, True, 1, "x", []),
        "/produits/0/produit_id": (None, True, 1.5, [], {}),
        "/produits/0/nom": (None, True, 1, [], {}),
        "/produits/0/quantite": (None, True, "2", [], {}),
        "/produits/0/prix_unitaire": (None, True, "2", [], {}),
        "/date_commande": (None, True, 1, [], {"$date": 0}),
        "/canal": (None, True, 1, [], {}),
        "/statut_commande": (None, True, 1, [], {}),
        "/livraison": (True, 1, "x", []),
        "/livraison/adresse": (None, True, 1, [], {}),
        "/livraison/ville": (None, True, 1, [], {}),
    }.items():
        for value in values:
            wrong = f"{pointer[1:].replace('/', '.')} is {json.dumps(value)}"
            yield changed(wrong, pointer, value, "wrong_type")


def _missing_fields() -> Iterator[Case]:
    for field in ("order_id", "client_id", "produits", "date_commande", "canal", "statut_commande"):
        yield changed(f"{field} is missing", f"/{field}", ABSENT, "missing_field")
    for field in ("produit_id", "nom", "quantite", "prix_unitaire"):
        yield changed(f"{field} is missing", f"/produits/0/{field}", ABSENT, "missing_field")
    for field in ("adresse", "ville"):
        yield changed(f"{field} is missing", f"/livraison/{field}", ABSENT, "missing_field")
    yield changed("livraison is missing", "/livraison", ABSENT, "delivery_missing")
    yield changed("livraison is null", "/livraison", None, "delivery_missing")


def _wrong_values() -> Iterator[Case]:
    yield changed("no lines", "/produits", [], "out_of_range")
    yield changed("unknown status", "/statut_commande", "expédiée", "unknown_status")
    yield changed("status without its accent", "/statut_commande", "payee", "unknown_status")
    yield changed("status in capitals", "/statut_commande", "PAYÉE", STORED)
    yield changed("status with decomposed accent and blanks", "/statut_commande", " paye\u0301e\n", STORED)
    yield changed("channel in capitals", "/canal", "WEB ", STORED)
    yield changed("name with decomposed accent and blanks", "/produits/0/nom", "\u3000Cafe\u0301 ", STORED)
    yield changed("city with decomposed accent and blanks", "/livraison/ville", "\tFe\u0300s\xa0", STORED)
    yield changed("order of the mobile channel", "/canal", "mobile", "wrong_channel")
    yield changed("unknown channel", "/canal", "fax", "unknown_channel")
    yield changed("empty name", "/produits/0/nom", "", "empty_text")
    yield changed("blank name", "/produits/0/nom", " \t", "empty_text")
    in_shop = ORDER.replace('"web"', '"boutique"').encode()
    yield Case("delivered in the shop", in_shop, "delivery_not_allowed", "/livraison", feed="boutique_physique")
    mobile = ORDER.replace('"web"', '"mobile"').replace("Casablanca", "Fès").encode()
    yield Case("web order in the mobile folder", ORDER.encode(), "wrong_channel", "/canal", feed="application_mobile")
    yield Case("same number, other channel", mobile, feed="application_mobile")


def _dates() -> Iterator[Case]:
    for wrong, text in {
        "date empty": "",
        "date without time": "2025-04-26",
        "date that is not": "2025-02-29T14:00:00",
        "date at 24 h": "2025-04-26T24:00:00",
        "date by week": "2025-W17-6T14:00:00",
        "date in French": "26/04/2025 14:00",
        "date in Arabic digits": "٢٠٢٥-04-26T14:00:00",
        "date in 1969": "1969-12-31T23:59:59Z",
        "date in year 0": "0000-01-01T00:00:00",
        "date in year 10000": "10000-01-01T00:00:00",
        "date with unknown zone": "2025-04-26T14:00:00+25:00",
        "date with more after it": "2025-04-26T14:00:00Z\n",
        "date as epoch": "1745676000",
    }.items():
        yield changed(wrong, "/date_commande", text, "bad_date")


def _identifiers() -> Iterator[Case]:
    for wrong, text in {
        "id up and away": "../../etc/passwd",
        "id with an absolute path": "/etc/passwd",
        "id with a newline": "1\n2",
        "id with a colon": "web:1",
        "id with a dollar": "$where",
        "id of 200 characters": "x" * 200,
        "id of a script": "<script>alert(1)</script>",
        "id of SQL": "1'; DROP TABLE commandes; --",
        "id beyond ASCII": "commande n° 1 😀",
    }.items():
        yield changed(wrong, "/order_id", text, STORED)
    for wrong, text in {"201 characters": "x" * 201, "10 kB": "x" * 10_000, "a NUL": "1\x002"}.items():
        yield changed(f"id with {wrong}", "/order_id", text, "out_of_range")
    for wrong, text in {"empty": "", "blank": " "}.items():
        yield changed(f"id {wrong}", "/order_id", text, "empty_text")
