"""Names of products and cities in SQL: those that differ in case and inner blanks only are one, shown as first seen."""

BLANKS = r"[\x09-\x0d\x1c-\x20\x85\p{Z}]+"


def form(name: str) -> str:
    """The form by which names are grouped; blanks around them and accents are alike already."""
    return f"lower(regexp_replace({name}, '{BLANKS}', ' ', 'g'))"


def first_seen(name: str, at: str = "first_at") -> str:
    """The name that was the first one; of two at the same instant the first by name."""
    return f"first({name} ORDER BY {at}, {name})"
