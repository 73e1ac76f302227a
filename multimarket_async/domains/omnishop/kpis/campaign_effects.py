"""Effects of campaigns."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT campaign, category, channel, round(100 * uplift, 2) AS uplift_pct, round(100 * low, 2) AS low_pct,
  round(100 * high, 2) AS high_pct, round(extra_units, 2) AS extra_units, extra_revenue_minor, cost_minor,
  round(returns, 2) AS returns
FROM campaign_effect_rows ORDER BY campaign
"""


def kpi(settings: OmniSettings) -> Kpi:
    """Effects of campaigns."""
    return Kpi(
        name="campaign_effects",
        title="Effects of campaigns",
        unit="campaigns",
        definition=(
            "By how much each campaign raised what was sold, in percent, with the interval that holds nine of"
            " ten true effects; and its revenue."
        ),
        reads=(FACTS["campaign_effect"],),
        columns=(
            Column("campaign", "string", "Campaign"),
            columns.CATEGORY,
            columns.CHANNEL,
            Column("uplift_pct", "double", "Uplift", "%"),
            Column("low_pct", "double", "Uplift, low", "%", role="other"),
            Column("high_pct", "double", "Uplift, high", "%", role="other"),
            Column("extra_units", "double", "Units gained", "units", role="sum"),
            columns.money("extra_revenue_minor", "Revenue gained", settings.currency),
            columns.money("cost_minor", "Cost", settings.currency),
            Column("returns", "double", "Gained by cost", role="other"),
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Effects of campaigns": "Effets des campagnes",
            "Campaign": "Campagne",
            "campaigns": "campagnes",
            "Uplift": "Hausse",
            "Uplift, low": "Hausse, au moins",
            "Uplift, high": "Hausse, au plus",
            "Units gained": "Pièces gagnées",
            "Revenue gained": "Chiffre d'affaires gagné",
            "Cost": "Coût",
            "Gained by cost": "Gain par coût",
            "campaign_effects": (
                "De combien chaque campagne a relevé les ventes, en pour cent, avec l'intervalle qui contient neuf"
                " vrais effets sur dix."
            ),
        },
        place=7,
    )
