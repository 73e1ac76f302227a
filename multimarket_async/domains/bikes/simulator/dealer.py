"""The dealer that is simulated: its models with their prices, the shops it sells to, and what these like to buy."""

from typing import NamedTuple


class Bike(NamedTuple):
    """A model of the price list. price: in whole units, of the first list."""

    model: str
    category: str
    kind: str
    frame: str
    price: int


class Shop(NamedTuple):
    """A shop. latitude, longitude: with a decimal comma, as the dealer writes them."""

    name: str
    city: str
    state: str
    latitude: str
    longitude: str


SERIES = (
    ("Supersix Evo", "Road", "Elite Road", "Carbon", 2240),
    ("CAAD12", "Road", "Elite Road", "Aluminum", 1410),
    ("Synapse", "Road", "Endurance Road", "Carbon", 1680),
    ("Slice", "Road", "Triathalon", "Carbon", 1950),
    ("Scalpel", "Mountain", "Cross Country Race", "Carbon", 3200),
    ("Habit", "Mountain", "Trail", "Carbon", 2340),
    ("Trigger", "Mountain", "Over Mountain", "Carbon", 3730),
    ("Catalyst", "Mountain", "Sport", "Aluminum", 480),
)
VERSIONS = (("Black Inc.", 320), ("Ultegra", 190), ("105", 120), ("Tiagra", 100))
BIKES = tuple(
    Bike(f"{name} {version}", category, kind, frame, price * percent // 100)
    for name, category, kind, frame, price in SERIES
    for version, percent in VERSIONS
)
SHOPS = (
    Shop("Pittsburgh Mountain Machines", "Pittsburgh", "PA", "40,440625", "-79,995886"),
    Shop("Philadelphia Bike Shop", "Philadelphia", "PA", "39,952584", "-75,165222"),
    Shop("Ithaca Mountain Climbers", "Ithaca", "NY", "42,443961", "-76,501881"),
    Shop("New York Cycles", "New York", "NY", "40,712784", "-74,005941"),
    Shop("Columbus Race Equipment", "Columbus", "OH", "39,961176", "-82,998794"),
    Shop("Cincinnati Speed", "Cincinnati", "OH", "39,103118", "-84,51202"),
    Shop("Detroit Cycles", "Detroit", "MI", "42,331427", "-83,045754"),
    Shop("Louisville Race Equipment", "Louisville", "KY", "38,252665", "-85,758456"),
    Shop("Nashville Cruisers", "Nashville", "TN", "36,162664", "-86,781602"),
    Shop("Denver Bike Shop", "Denver", "CO", "39,739236", "-104,990251"),
    Shop("Minneapolis Bike Shop", "Minneapolis", "MN", "44,977753", "-93,265011"),
    Shop("Kansas City 29ers", "Kansas City", "KS", "39,114053", "-94,627464"),
)
SPECIALTIES = {"Mountain": "Mountain", "Climbers": "Mountain", "29ers": "Mountain", "Race": "Road", "Speed": "Road"}
MIDDLE, LIKED, UNLIKED = 2000, 6, 1


def tastes(shop: Shop) -> list[int]:
    """The weight of each model in the orders of a shop: of its specialty, as its name says, and of its price."""
    specialty = next((kind for word, kind in SPECIALTIES.items() if word in shop.name), "")
    dear = len(shop.city) % 2 == 0
    return [
        (UNLIKED if specialty and bike.category != specialty else LIKED) * (2 if (bike.price > MIDDLE) == dear else 1)
        for bike in BIKES
    ]


TASTES = tuple(map(tastes, SHOPS))
