"""The orders domain in French: titles, units and definitions, by their English text; definitions by the KPI's name."""

from multimarket_async.domains.orders.details import DAYS, MONTHS, PRODUCTS_A_MONTH
from multimarket_async.domains.orders.habits import CITIES
from multimarket_async.domains.orders.kpis import RANKS
from multimarket_async.domains.orders.settings import OrderSettings

TITLES = {
    "Average order value": "Panier moyen",
    "Average order value by channel": "Panier moyen par canal",
    "Basket sizes": "Taille des paniers",
    "Cancellation rate": "Taux d'annulation",
    "Cancellation rate by channel": "Taux d'annulation par canal",
    "Cancelled orders": "Commandes annulées",
    "Channel": "Canal",
    "City": "Ville",
    "Customers": "Clients",
    "Day": "Jour",
    "Fewest pieces": "Articles, au moins",
    "Gross average order value": "Panier moyen brut",
    "Gross revenue": "Chiffre d'affaires brut",
    "Gross revenue in minor units": "Chiffre d'affaires brut en centimes",
    "Hour": "Heure",
    "Month": "Mois",
    "Orders by day and channel": "Commandes par jour et par canal",
    "Orders by weekday and hour": "Commandes par jour de la semaine et par heure",
    "Orders, cancelled included": "Commandes, annulées comprises",
    "Orders, without cancelled": "Commandes, hors annulées",
    "Pieces in the basket": "Articles dans le panier",
    "Product": "Produit",
    "Products by month": "Produits par mois",
    "Quantity": "Quantité",
    "Quantity, cancelled included": "Quantité, annulées comprises",
    "Rank": "Rang",
    "Repeat customers": "Clients fidèles",
    "Repeat customers by month": "Clients fidèles par mois",
    "Repeat rate": "Taux de fidélité",
    "Revenue": "Chiffre d'affaires",
    "Revenue by city of delivery": "Chiffre d'affaires par ville de livraison",
    "Revenue by month and channel": "Chiffre d'affaires par mois et par canal",
    "Revenue in minor units": "Chiffre d'affaires en centimes",
    "Share of each channel": "Part de chaque canal",
    "Share of orders": "Part des commandes",
    "Share of revenue": "Part du chiffre d'affaires",
    "Start of the day": "Début du jour",
    "Start of the month": "Début du mois",
    "Top products": "Meilleures ventes",
    "Weekday, 1 is Monday": "Jour de la semaine (1 = lundi)",
}
UNITS = {"customers": "clients", "minor units": "centimes", "orders": "commandes", "pieces": "articles"}


def french(settings: OrderSettings) -> dict[str, str]:
    """Every word there is under these settings."""
    return {**TITLES, **UNITS, **_definitions(settings.timezone)}


def _definitions(timezone: str) -> dict[str, str]:
    kept = "hors commandes annulées"
    return {
        "revenue_by_month_and_channel": (
            f"Somme des commandes de chaque canal et mois ({timezone}), {kept}. "
            "Les montants bruts comptent toutes les commandes."
        ),
        "top_products": (
            f"Les {RANKS} produits, par nom, dont le plus d'articles ont été commandés, {kept} ; à quantité égale, par "
            "ordre de nom. Un produit qui ne figure que dans des commandes annulées n'est pas classé."
        ),
        "cancellation_rate_by_channel": (
            "Part des commandes annulées dans toutes les commandes du canal, en pour cent, arrondie à 2 décimales."
        ),
        "average_order_value_by_channel": (
            f"Chiffre d'affaires du canal divisé par ses commandes, {kept}, arrondi à 2 décimales ; vide si toutes ont "
            "été annulées. Les montants bruts comptent toutes les commandes."
        ),
        "orders_by_day_and_channel": (
            f"Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et jour ({timezone}) "
            f"des {DAYS} derniers jours avec des commandes."
        ),
        "products_by_month": (
            f"Articles vendus et chiffre d'affaires des {PRODUCTS_A_MONTH} produits, par nom, les plus vendus du mois "
            f"({timezone}), {kept} ; à quantité égale, par ordre de nom. Les {MONTHS} derniers mois avec des ventes."
        ),
        "share_by_channel": (
            f"Commandes et chiffre d'affaires de chaque canal, en pour cent de tous les canaux, {kept} ; vide s'il n'y "
            "en a pas."
        ),
        "basket_size_distribution": (
            f"Commandes selon le nombre d'articles, toutes lignes confondues, {kept} ; leur part dans le total."
        ),
        "orders_by_weekday_and_hour": (
            f"Commandes et chiffre d'affaires par jour de la semaine (1 = lundi) et heure ({timezone}), {kept}, sur "
            "toute la période."
        ),
        "repeat_customers_by_month": (
            f"Clients de chaque mois ({timezone}), tous canaux confondus, {kept} ; ceux qui ont commandé au moins deux "
            "fois dans le mois ; et leur part en pour cent."
        ),
        "revenue_by_city": (
            f"Les {CITIES} villes, comme écrites dans les commandes, où le plus a été livré en chiffre d'affaires, "
            f"{kept} et commandes non livrées ; à montant égal, par ordre de nom."
        ),
    }
