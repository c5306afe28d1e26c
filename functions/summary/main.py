"""Sums up the numbers of a request, with nothing but Python's standard library."""

import json
import logging
import statistics

logger = logging.getLogger()
logger.setLevel("INFO")


def handler(event, context):
    numbers = json.loads(event.get("body") or "[]")
    if not isinstance(numbers, list) or len(numbers) < 2:
        return answer(422, {"message": "Send a JSON list of two numbers or more."})
    logger.info("%d numbers, %d ms left", len(numbers), context.get_remaining_time_in_millis())
    return answer(
        200,
        {
            "count": len(numbers),
            "mean": round(statistics.fmean(numbers), 3),
            "median": statistics.median(numbers),
            "stdev": round(statistics.stdev(numbers), 3),
        },
    )


def answer(status, value):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(value),
    }
