#!/usr/bin/env bash
# Token, read, search, write, by curl and jq. Run: CLIENT_SECRET=… ./quickstart.sh
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:3000}
FHIR="$BASE/careconnect-ri/STU3"

TOKEN=$(curl -fsS "$BASE/token" -u "${CLIENT_ID:-editor}:$CLIENT_SECRET" -d grant_type=client_credentials |
  jq -r .access_token)
AUTHORIZATION="Authorization: Bearer $TOKEN"

curl -fsS "$FHIR/Patient/4" -H "$AUTHORIZATION" | jq -r '.name[0].family'

# The total, if asked for; the matches come a page at a time, and `link` leads to the next one.
curl -fsS "$FHIR/Observation?patient=4&_total=accurate" -H "$AUTHORIZATION" | jq -r '"\(.total) observations"'

# On condition of an identifier of your own, so that it may be sent again: 201, then 200.
written=$(curl -fsS "$FHIR/Observation" -H "$AUTHORIZATION" -H 'Content-Type: application/fhir+json' \
  -H 'If-None-Exist: identifier=https://my-app.example.org/quickstart%7Csh' -w '%{http_code}' -d '{
    "resourceType": "Observation",
    "identifier": [{"system": "https://my-app.example.org/quickstart", "value": "sh"}],
    "status": "final",
    "code": {"text": "Heart rate"},
    "subject": {"reference": "Patient/4"},
    "effectiveDateTime": "'"$(date -u +%FT%TZ)"'",
    "valueQuantity": {"value": 72, "unit": "/min"}
  }')
echo "${written: -3} Observation/$(jq -r .id <<<"${written%???}")"
