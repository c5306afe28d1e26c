"""Reads an OpenMetrics page from stdin with a stock parser and prints its families, one a line."""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, len(family.samples))
