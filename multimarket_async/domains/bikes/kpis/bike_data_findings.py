"""Findings of the audit by file and rule."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import quality
from multimarket_async.domains.bikes.rules import RULES
from multimarket_async.domains.bikes.settings import BikeSettings

DEMANDS = {
    "a price is more than 0": "un prix est supérieur à 0",
    "a frame is of Aluminum or Carbon": "un cadre est en Aluminum ou Carbon",
    "a latitude is from -90 to 90": "une latitude va de -90 à 90",
    "a longitude is from -180 to 180": "une longitude va de -180 à 180",
    "a state is two capital letters": "un État a deux majuscules",
    "a quantity is 1 or more": "une quantité vaut au moins 1",
    "an order is at most a day later than its file": "une commande a au plus un jour de plus que son fichier",
    "a quantity is at most usual_quantity, a setting": "une quantité vaut au plus usual_quantity, un réglage",
    "the product is in the newest list of bikes": "le produit est dans la dernière liste de vélos",
    "the customer is in the newest list of shops": "le client est dans la dernière liste de magasins",
    "all lines of an order have the same date": "toutes les lignes d'une commande ont la même date",
    "all lines of an order are of the same customer": "toutes les lignes d'une commande sont du même client",
    "a gender is given": "un sexe est donné",
    "a birth date is in 1900 or later": "une date de naissance est de 1900 ou après",
    "an income is 0 or more": "un revenu vaut au moins 0",
    "a customer is in the newest list of shops": "un client est dans la dernière liste de magasins",
    "a value that is needed is there": "une valeur requise est présente",
    "a whole number is one": "un nombre entier en est un",
    "a price is an amount with at most 2 decimals": "un prix est un montant à 2 décimales au plus",
    "a coordinate is a number": "une coordonnée est un nombre",
    "a date is one, in the order of its column": "une date en est une, dans l'ordre de sa colonne",
    "a line has as many fields as the header": "une ligne a autant de champs que l'en-tête",
    "a quoted value ends at a delimiter": "une valeur entre guillemets finit à un séparateur",
    "a quote that is opened is closed": "un guillemet ouvert est fermé",
    "a key is in a file once; the last line counts": "une clé est une fois dans un fichier ; la dernière ligne compte",
}


def kpi(_: BikeSettings) -> Kpi:
    """One row a declared rule, also where no line breaks it."""
    demands = tuple((words, words) for words in dict.fromkeys(rule.words for rule in RULES))
    return Kpi(
        name="bike_data_findings",
        title="Findings in the bike data",
        unit="lines",
        definition=(
            "Lines that break each declared rule. Rejected lines are listed in quarantine with their number, their "
            "text and all reasons; flagged ones are stored and count."
        ),
        reads=quality.READS,
        columns=(
            quality.FILE,
            Column("rule", "string", "Rule"),
            quality.DIMENSION,
            Column("action", "string", "Consequence", labels=(("reject", "rejected"), ("flag", "flagged"))),
            Column("demand", "string", "Demand", labels=demands),
            Column("lines", "integer", "Lines", "lines"),
        ),
        query=quality.VIOLATIONS + quality.FINDINGS,
        check=quality.FINDINGS,
        french={
            "Findings in the bike data": "Constats sur les données de vélos",
            "Rule": "Règle",
            "Consequence": "Conséquence",
            "rejected": "rejetée",
            "flagged": "signalée",
            "Demand": "Exigence",
            "Lines": "Lignes",
            "bike_data_findings": (
                "Lignes qui enfreignent chaque règle déclarée. Les lignes rejetées sont en quarantaine avec leur "
                "numéro, leur texte et toutes les raisons ; celles qui sont signalées restent et comptent."
            ),
            **DEMANDS,
        },
        place=13,
    )
