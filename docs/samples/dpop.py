"""A token bound to a key (RFC 9449): read, search, write, by requests and PyJWT. Run: CLIENT_SECRET=… python dpop.py"""

import base64
import hashlib
import os
import time
import uuid

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

BASE = os.environ.get("BASE", "http://127.0.0.1:3000")
FHIR = f"{BASE}/careconnect-ri/STU3"


class Dpop(requests.auth.AuthBase):
    """Signs each request by a new proof, with the token once there is one."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())  # for as long as its tokens live
        self.jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.token = self.nonce = None

    def __call__(self, request):
        """Sign a request."""
        self.sign(request)
        request.register_hook("response", self.take_nonce)
        return request

    def sign(self, request):
        """Give a request its proof (RFC 9449 §4.2)."""
        url = request.url.partition("?")[0]
        claims = {"jti": str(uuid.uuid4()), "htm": request.method, "htu": url, "iat": int(time.time())}
        if self.nonce:
            claims["nonce"] = self.nonce
        if self.token:
            digest = hashlib.sha256(self.token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            request.headers["Authorization"] = f"DPoP {self.token}"
        request.headers["DPoP"] = jwt.encode(claims, self.key, "ES256", {"typ": "dpop+jwt", "jwk": self.jwk})

    def take_nonce(self, answer, **more):
        """Keep the server's nonce, and send the request once more if its proof lacked that."""
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        said = answer.headers.get("WWW-Authenticate", "") + answer.text
        if answer.status_code not in (400, 401) or "use_dpop_nonce" not in said:
            return answer
        request = answer.request.copy()
        self.sign(request)
        again = answer.connection.send(request, **more)
        self.nonce = again.headers.get("DPoP-Nonce", self.nonce)
        return again


def send(method, url, **more):
    """Return the answer to a request; raises `requests.HTTPError`."""
    answer = requests.request(method, url, auth=dpop, timeout=30, **more)
    answer.raise_for_status()
    return answer


dpop = Dpop()
client = f"{os.environ.get('CLIENT_ID', 'editor')}:{os.environ['CLIENT_SECRET']}"
basic = {"Authorization": f"Basic {base64.b64encode(client.encode()).decode()}"}
granted = send("POST", f"{BASE}/token", data={"grant_type": "client_credentials"}, headers=basic).json()
print(granted["token_type"])
dpop.token = granted["access_token"]

print(send("GET", f"{FHIR}/Patient/4").json()["name"][0]["family"])

# A link to the next page is a URL like others: its proof has no query.
url, pages = f"{FHIR}/Observation?patient=4&_count=5", 0
while url:
    links = send("GET", url).json()["link"]
    url, pages = next((link["url"] for link in links if link["relation"] == "next"), None), pages + 1
print("true" if pages > 1 else "false")

# On condition of an identifier of your own, so that it may be sent again: 201, then 200.
system = "https://my-app.example.org/dpop"
reading = {
    "resourceType": "Observation",
    "identifier": [{"system": system, "value": "py"}],
    "status": "final",
    "code": {"text": "Heart rate"},
    "subject": {"reference": "Patient/4"},
}
headers = {"Content-Type": "application/fhir+json", "If-None-Exist": f"identifier={system}%7Cpy"}
print(send("POST", f"{FHIR}/Observation", json=reading, headers=headers).status_code)
