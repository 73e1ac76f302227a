"""A generation as one HTML file to mail or print: every KPI with its chart, its rows and its definition."""

from multimarket_async.readers.language import ENGLISH, FRENCH, Language
from multimarket_async.readers.report.report import MOST_WRITTEN, report
