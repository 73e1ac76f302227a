"""MLlib's models over rows of numbers: the same calls as those of scikit-learn's, for jobs that run on Spark.

Each is fitted by the session that is active, on all its machines. A fitted model is small: where its coefficients say
all, what is asked for is computed here, as every job of a cluster takes its time.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyspark.ml.classification import LogisticRegression, RandomForestClassifier
from pyspark.ml.clustering import KMeans
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.ml.regression import LinearRegression, RandomForestRegressor
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

Floats: TypeAlias = NDArray[np.float64]
SCHEMA = StructType(
    [StructField("row", IntegerType()), StructField("features", VectorUDT()), StructField("label", DoubleType())]
)
MOST_DEPTH = 6  # each level of a forest is a job of the cluster


def segments(features: Floats, number: int, seed: int) -> NDArray[np.int64]:
    """The segment of each row, by k-means."""
    centers = np.array(_fitted(KMeans(k=number, seed=seed), features).clusterCenters())
    found: NDArray[np.int64] = np.argmin(((features[:, None] - centers) ** 2).sum(axis=2), axis=1)
    return found


def forest(features: Floats, targets: Sequence[str], asked: Floats, seed: int, *, trees: int, leaf: int) -> Floats:
    """Probabilities of each target, in their order by name, for each asked row, by a random forest."""
    names = sorted({*targets})
    labels = np.array([names.index(target) for target in targets], float)
    form = RandomForestClassifier(numTrees=trees, minInstancesPerNode=leaf, maxDepth=MOST_DEPTH, seed=seed)
    return _column(_fitted(form, features, labels), asked, vector_to_array("probability"))


def mean(features: Floats, known: Floats, asked: Floats, seed: int, *, trees: int, leaf: int) -> Floats:
    """The expected number for each asked row, by a random forest."""
    form = RandomForestRegressor(numTrees=trees, minInstancesPerNode=leaf, maxDepth=MOST_DEPTH, seed=seed)
    return _column(_fitted(form, features, known), asked, "prediction")


def ridge(features: Floats, known: Floats, asked: Floats, *, penalty: float) -> Floats:
    """The expected number for each asked row, by ridge regression. penalty: `alpha` of scikit-learn's Ridge.

    MLlib's is of the mean squared error, and it divides it by the standard deviation of what is known.
    """
    form = LinearRegression(regParam=penalty * known.std() / len(known), standardization=False, solver="normal")
    return _linear(_fitted(form, features, known), asked)


def logistic(features: Floats, labels: NDArray[np.bool_], asked: Floats, *, inverse_penalty: float) -> Floats:
    """The probability of True for each asked row. inverse_penalty: `C` of scikit-learn's, on standardised features."""
    form = LogisticRegression(regParam=1 / (inverse_penalty * len(labels)))
    return 1 / (1 + np.exp(-_linear(_fitted(form, features, labels.astype(float)), asked)))


def _linear(model: Any, asked: Floats) -> Floats:
    found: Floats = asked @ model.coefficients.toArray() + model.intercept
    return found


def _fitted(form: Any, features: Floats, labels: Floats | None = None) -> Any:
    """The fitted model. Its rows are kept meanwhile: each job would come back to this process for them."""
    rows = _frame(features, np.zeros(len(features)) if labels is None else labels).cache()
    try:
        return form.fit(rows)
    finally:
        rows.unpersist()


def _frame(features: Floats, labels: Floats) -> DataFrame:
    """Rows of Spark, numbered."""
    places = range(len(features))
    rows = zip(places, map(Vectors.dense, features.tolist()), labels.tolist(), strict=True)
    return SparkSession.active().createDataFrame(list(rows), SCHEMA)


def _column(model: Any, asked: Floats, column: Any) -> Floats:
    """The answers of a model for these rows, in their order."""
    found = model.transform(_frame(asked, np.zeros(len(asked)))).select("row", column).collect()
    return np.array([value for _, value in sorted(found)], float)
