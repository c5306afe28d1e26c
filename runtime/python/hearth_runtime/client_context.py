import base64
import json


class ClientContext:
    """What a client of AWS Lambda's API says of itself, with the members that Lambda's own has."""

    def __init__(self, document):
        self.client = document.get("client")
        self.custom = document.get("custom")
        self.env = document.get("env")


def client_context(head):
    """None where the client says nothing."""
    encoded = next((value for name, value in head["headers"] if name == "x-amz-client-context"), None)
    if head["trigger"] != "event" or encoded is None:
        return None
    try:
        document = json.loads(base64.b64decode(encoded))
    except ValueError:
        return None  # sent by another route, which does not look at it
    return ClientContext(document) if isinstance(document, dict) else None
