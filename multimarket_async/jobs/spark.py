"""Inputs of a job from the lake, by Spark: all tables in the version that one generation has."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from multimarket_async.results import NotEnough

DELTA = "io.delta:delta-spark_2.13:4.0.0"  # of Maven, for Spark 4.0
OPTIONS = {
    "spark.jars.packages": DELTA,
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",  # what is collected are thousands of rows
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
}


class Rows(NamedTuple):
    """The rows of an input, as DuckDB hands them out."""

    rows: Sequence[tuple[Any, ...]]

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        return self.rows


@contextmanager
def session(master: str) -> Iterator[SparkSession]:
    """A session that knows Delta."""
    builder = SparkSession.builder.appName("multimarket-jobs").master(master)
    for name, value in OPTIONS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


def inputs(spark: SparkSession, task: Mapping[str, Any]) -> tuple[dict[str, Rows], str]:
    """The inputs by name, and the digest of all their rows. Raises NotEnough."""
    versions, timezone = _versions(spark, task["lake"]), task["timezone"]
    for view, (table, query) in task["views"].items():
        read = spark.read.format("delta").option("versionAsOf", versions[table]).load(f"{task['lake']}/{table}")
        spark.sql(query.format(table="{table}", timezone=timezone), table=read).createOrReplaceTempView(view)
    found = {name: Rows([tuple(row) for row in spark.sql(query).collect()]) for name, query in task["queries"].items()}
    return found, _digest(found)


def _versions(spark: SparkSession, lake: str) -> dict[str, int]:
    """The version of each table that belongs to the generation in the lake."""
    try:
        rows = spark.read.format("delta").load(f"{lake}/generations").collect()
    except AnalysisException:
        raise NotEnough(f"there is no lake in {lake}: it needs sinks = ['lake']") from None
    return {row["table"]: row["version"] for row in rows}


def _digest(found: Mapping[str, Rows]) -> str:
    """That of the same rows where no Spark is: see `inputs`."""
    digest = hashlib.sha256()
    for name, each in found.items():
        digest.update(f"{name}\n".encode())
        for row in each.rows:
            digest.update(f"{row!r}\n".encode())
    return digest.hexdigest()
