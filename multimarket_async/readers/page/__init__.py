"""The live page at `/`: files that a browser reads as they are; every number in it comes from the HTTP interface.

Its charts are drawn by Vega-Lite, which comes inside the package vl-convert-python: nothing is fetched from
elsewhere, and no security policy has to be loosened for it.
"""

from multimarket_async.readers.page.page import files, routes
