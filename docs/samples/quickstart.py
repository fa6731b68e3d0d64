"""Token, read, search, write, by requests. Run: CLIENT_SECRET=… python quickstart.py"""

import os
from datetime import UTC, datetime

import requests

BASE = os.environ.get("BASE", "http://127.0.0.1:3000")
FHIR = f"{BASE}/careconnect-ri/STU3"

client = (os.environ.get("CLIENT_ID", "editor"), os.environ["CLIENT_SECRET"])
granted = requests.post(f"{BASE}/token", auth=client, data={"grant_type": "client_credentials"}, timeout=30)
granted.raise_for_status()
headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}

patient = requests.get(f"{FHIR}/Patient/4", headers=headers, timeout=30).json()
print(patient["name"][0]["family"])

# The total, if asked for; the matches come a page at a time, and `link` leads to the next one.
wanted = {"patient": "4", "_total": "accurate"}
page = requests.get(f"{FHIR}/Observation", params=wanted, headers=headers, timeout=30).json()
print(page["total"], "observations")

# On condition of an identifier of your own, so that it may be sent again: 201, then 200.
system = "https://my-app.example.org/quickstart"
reading = {
    "resourceType": "Observation",
    "identifier": [{"system": system, "value": "py"}],
    "status": "final",
    "code": {"text": "Heart rate"},
    "subject": {"reference": "Patient/4"},
    "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
    "valueQuantity": {"value": 72, "unit": "/min"},
}
headers |= {"Content-Type": "application/fhir+json", "If-None-Exist": f"identifier={system}%7Cpy"}
written = requests.post(f"{FHIR}/Observation", json=reading, headers=headers, timeout=30)
print(written.status_code, f"Observation/{written.json()['id']}")
