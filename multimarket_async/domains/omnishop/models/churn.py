"""The probability that a client buys nothing for a month, by logistic regression on their last weeks.

Learned from the month before the last, and judged on clients that it was not fitted to, beside the days since the last
purchase alone.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimarket_async.domains.omnishop.models.grades import Grade, graded
from multimarket_async.results import NotEnough, Result

MONTH, LEAST_CLIENTS, FOLDS, CONTACTED = 30, 50, 5, 0.1
LIKELY, MAYBE, BAD_STARS = 0.8, 0.5, 2
INVERSE_PENALTY = 0.5
BASELINE = "days since the last purchase"
Floats = NDArray[np.float64]
# (features, lost, features asked for) -> the probability of being lost for each of these
Probability: TypeAlias = Callable[[Floats, NDArray[np.bool_], Floats], Floats]


class Known(NamedTuple):
    """Clients as of a day, with their features; the first one is the days since the last purchase. spent: in cents."""

    clients: Sequence[str]
    features: Floats
    spent: Floats


class Past(NamedTuple):
    """Purchases (day, cents), visits (day, number) and reviews (day, stars) by client; who is loyal."""

    bought: Mapping[str, list[tuple[date, int]]]
    visited: Mapping[str, list[tuple[date, int]]]
    reviewed: Mapping[str, list[tuple[date, int]]]
    loyal: Mapping[str, bool]

    def known(self, at: date) -> Known:
        """The clients who bought in the month until this day."""
        since = at - timedelta(days=MONTH)
        recent = {
            client: [(day, minor) for day, minor in rows if since < day <= at] for client, rows in self.bought.items()
        }
        clients = sorted(client for client, rows in recent.items() if rows)
        features = np.array([self._features(client, recent[client], at) for client in clients], float)
        return Known(clients, features, np.array([sum(minor for _, minor in recent[each]) for each in clients], float))

    def _features(self, client: str, bought: Sequence[tuple[date, int]], at: date) -> list[float]:
        silent, days = (at - bought[-1][0]).days, len({day for day, _ in bought})
        visits = [(at - day).days for day, times in self.visited.get(client, ()) for _ in range(times) if day <= at]
        visits = [ago for ago in visits if ago < MONTH]
        stars = [stars for day, stars in self.reviewed.get(client, ()) if at - timedelta(days=MONTH) < day <= at]
        last = sum(ago < MONTH // 3 for ago in visits)
        return [
            silent, np.log(days), silent * days / MONTH, np.log1p(len(visits)), np.log1p(last),
            min(visits, default=MONTH), last / (1 + len(visits)), float(min(stars, default=4) <= BAD_STARS),
            float(self.loyal.get(client, False)),
        ]  # fmt: skip


def logistic(features: Floats, lost: NDArray[np.bool_], asked: Floats) -> Floats:
    """By logistic regression."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=1000))
    found: Floats = pipeline.fit(features, lost).predict_proba(asked)[:, 1]
    return found


def run(inputs: Mapping[str, Any], seed: int, probability: Probability = logistic) -> Result:  # noqa: ARG001 - nothing is drawn
    """A row a client who bought in the last month."""
    bought, visited, reviewed = (_by_client(inputs[name].fetchall()) for name in ("bought", "visited", "reviewed"))
    past = Past(bought, visited, reviewed, dict(inputs["clients"].fetchall()))
    days = sorted(day for rows in past.bought.values() for day, _ in rows)
    if not days or (days[-1] - days[0]).days < 2 * MONTH - 2:
        raise NotEnough(f"orders are of less than {2 * MONTH - 1} days")
    cut = days[-1] - timedelta(days=MONTH)
    known = past.known(cut)
    if len(known.clients) < LEAST_CLIENTS:
        raise NotEnough(f"{len(known.clients)} clients bought in a month, and {LEAST_CLIENTS} are needed")
    lost = np.array([past.bought[client][-1][0] <= cut for client in known.clients])
    unseen = np.empty(len(lost))
    for train, test in StratifiedKFold(FOLDS).split(known.features, lost):
        unseen[test] = probability(known.features[train], lost[train], known.features[test])
    grades = _grades(known, lost, unseen, cut, dict(inputs["truth"].fetchall()))
    now = past.known(days[-1])
    coming = probability(known.features, lost, now.features)
    return graded("churn_risk", [_row(*each) for each in zip(now.clients, coming, now.spent, strict=True)], grades)


def _by_client(rows: Sequence[tuple[str, date, int]]) -> dict[str, list[tuple[date, int]]]:
    found = defaultdict(list)
    for client, day, number in sorted(rows):
        found[client].append((day, number))
    return found


def _grades(known: Known, lost: NDArray[np.bool_], unseen: Floats, cut: date, gone: Mapping[str, date]) -> list[Grade]:
    silent = known.features[:, 0]
    auc, alone = (float(roc_auc_score(lost, scores)) for scores in (unseen, silent))
    rate = np.full(len(lost), lost.mean())
    brier, guess = (float(brier_score_loss(lost, scores)) for scores in (unseen, rate))
    left = np.array([gone.get(client, date.max) <= cut for client in known.clients])
    grades = [
        Grade("AUC", auc, BASELINE, alone),
        Grade("Brier score", brier, "the share of all", guess, "lower"),
        Grade("value reached", _reached(unseen * known.spent, lost, known), BASELINE, _reached(silent, lost, known)),
    ]
    if left.any() and not left.all():
        truly = [float(roc_auc_score(left, scores)) for scores in (unseen, silent)]
        grades.append(Grade("AUC of having left", truly[0], BASELINE, truly[1]))
    return grades


def _reached(scores: Floats, lost: NDArray[np.bool_], known: Known) -> float:
    """The share of what lost clients spent that is of those among the tenth that would be contacted."""
    best = np.argsort(-scores, kind="stable")[: max(1, round(CONTACTED * len(scores)))]
    return float((known.spent * lost)[best].sum() / max(1.0, (known.spent * lost).sum()))


def _row(client: str, probability: float, spent: float) -> dict[str, Any]:
    action = "personal offer" if probability >= LIKELY else "coupon" if probability >= MAYBE else "none"
    return {"client": client, "probability": float(probability), "value_minor": int(spent * probability),
            "action": action}  # fmt: skip
