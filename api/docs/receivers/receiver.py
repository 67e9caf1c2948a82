# python3 receiver.py      SECRET is the endpoint's whsec_…
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def verified(headers, body, secret):
    message_id = headers.get("webhook-id", "")
    sent = headers.get("webhook-timestamp", "")
    if not message_id or not sent.isdigit() or abs(time.time() - int(sent)) > 300:
        return False  # too old: somebody may be replaying it
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{message_id}.{sent}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
    signatures = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(want, s) for s in signatures)  # two while a secret is being rotated


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))  # the bytes as they came
        if not verified(self.headers, body, os.environ["SECRET"]):
            self.answer(401)
            return
        message = json.loads(body)
        # Store the id and do nothing when it is there already; ignore a version older than the last one of this order.
        print(self.headers["webhook-id"], message["event"], message["order_id"], message["version"])
        self.answer(204)  # answer first, work afterwards

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Receiver).serve_forever()
