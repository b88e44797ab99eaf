import base64
import hashlib
import hmac
import time


def verify(secret: str, headers, body: bytes) -> None:
    """Raises unless it was signed with the secret within five minutes.

    body: the bytes as they came.
    """
    msg_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not msg_id or not (timestamp.isascii() and timestamp.isdigit()):
        raise ValueError("a header is missing")
    if abs(time.time() - int(timestamp)) > 300:
        raise ValueError("too old, or from the future")

    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{msg_id}.{timestamp}.".encode() + body
    mac = hmac.new(key, signed, hashlib.sha256)
    expected = base64.b64encode(mac.digest())

    # While a secret is rotated there are two.
    for signature in headers.get("webhook-signature", "").split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), expected):
            return
    raise ValueError("the signature is wrong")
