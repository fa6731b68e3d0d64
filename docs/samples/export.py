"""A bulk export by requests: kick-off, status, files, DELETE. Run: CLIENT_SECRET=… python export.py FOLDER"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import requests

BASE = os.environ.get("BASE", "http://127.0.0.1:3000")
CLIENT = os.environ.get("CLIENT_ID", "explorer"), os.environ["CLIENT_SECRET"]
FOLDER = Path(sys.argv[1])
session = requests.Session()
expires = 0.0


def call(method: str, url: str, **options) -> requests.Response:
    """Send a request with a token that is valid for a minute at least, again when the service asks to wait."""
    global expires
    while True:
        if time.time() > expires - 60:
            granted = requests.post(f"{BASE}/token", auth=CLIENT, data={"grant_type": "client_credentials"}, timeout=30)
            granted.raise_for_status()
            session.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
            expires = time.time() + granted.json()["expires_in"]
        answer = session.request(method, url, timeout=30, **options)
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return answer
        time.sleep(int(answer.headers.get("Retry-After", 5)))


# With `_since`, the last manifest's transactionTime, only what has changed. Patient/$export leaves out the directory.
begun = call("GET", f"{BASE}/careconnect-ri/STU3/$export", headers={"Prefer": "respond-async"})
job = begun.headers["Content-Location"]
while (answer := call("GET", job)).status_code == 202:
    print(answer.headers["X-Progress"], file=sys.stderr)
    time.sleep(int(answer.headers["Retry-After"]))
manifest = answer.json()

FOLDER.mkdir(mode=0o700)  # patients' data: for its owner alone
numbers: Counter[str] = Counter()
for kind in ("output", "deleted", "error"):
    for file in manifest[kind]:
        name = file["type"] if kind == "output" else kind
        numbers[name] += 1
        path = FOLDER / f"{name}.{numbers[name]}.ndjson"
        content = call("GET", file["url"]).content
        if content.count(b"\n") != file["count"]:
            sys.exit(f"{file['url']} has not {file['count']} lines")
        path.write_bytes(content)
        print(path.name, file["count"])
call("DELETE", job)
