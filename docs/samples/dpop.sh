#!/usr/bin/env bash
# A token bound to a key (RFC 9449): read, search, write, by curl, jq and OpenSSL 3. Run: CLIENT_SECRET=… ./dpop.sh
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:3000}
FHIR="$BASE/careconnect-ri/STU3"
FILES=$(mktemp -d)
trap 'rm -r "$FILES"' EXIT

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# Ed25519, as its signatures need no conversion. For as long as its tokens live.
openssl genpkey -algorithm ed25519 -out "$FILES/key.pem"
X=$(openssl pkey -in "$FILES/key.pem" -pubout -outform DER | tail -c 32 | base64url)
HEADER=$(jq -nc --arg x "$X" '{typ: "dpop+jwt", alg: "EdDSA", jwk: {kty: "OKP", crv: "Ed25519", $x}}' | base64url)
TOKEN='' NONCE=''

proof() { # METHOD URL
  local ath=''
  if [ -n "$TOKEN" ]; then ath=$(printf %s "$TOKEN" | openssl dgst -sha256 -binary | base64url); fi
  jq -nc --arg htm "$1" --arg htu "${2%%\?*}" --arg jti "$(openssl rand -hex 16)" --arg ath "$ath" --arg nonce "$NONCE" \
    '{$jti, $htm, $htu, iat: now | floor} + if $ath == "" then {} else {$ath} end
      + if $nonce == "" then {} else {$nonce} end' | base64url > "$FILES/claims"
  printf %s "$HEADER.$(cat "$FILES/claims")" > "$FILES/input"
  echo "$(cat "$FILES/input").$(openssl pkeyutl -sign -rawin -inkey "$FILES/key.pem" -in "$FILES/input" | base64url)"
}

# Sends a request with a new proof, and once more if the server wants its nonce in the proof: METHOD URL CURL'S-OPTIONS
send() {
  local method=$1 url=$2 authorization=() given
  shift 2
  if [ -n "$TOKEN" ]; then authorization=(-H "Authorization: DPoP $TOKEN"); fi
  for _ in 1 2; do
    STATUS=$(curl -sS -X "$method" "$url" ${authorization[@]+"${authorization[@]}"} -H "DPoP: $(proof "$method" "$url")" \
      -D "$FILES/headers" -o "$FILES/answer" -w '%{http_code}' "$@")
    given=$(awk -F ': *' 'tolower($1) == "dpop-nonce" {print $2}' "$FILES/headers" | tr -d '\r')
    NONCE=${given:-$NONCE}
    if ! { [[ $STATUS = 40[01] ]] && grep -qsi use_dpop_nonce "$FILES/headers" "$FILES/answer"; }; then break; fi
  done
  if [[ $STATUS != 2?? ]]; then
    cat "$FILES/answer" >&2
    exit 1
  fi
}

send POST "$BASE/token" -u "${CLIENT_ID:-editor}:$CLIENT_SECRET" -d grant_type=client_credentials
jq -r .token_type "$FILES/answer"
TOKEN=$(jq -r .access_token "$FILES/answer")

send GET "$FHIR/Patient/4"
jq -r '.name[0].family' "$FILES/answer"

# A link to the next page is a URL like others: its proof has no query.
URL="$FHIR/Observation?patient=4&_count=5" PAGES=0
while [ -n "$URL" ]; do
  send GET "$URL"
  URL=$(jq -r '.link[] | select(.relation == "next").url' "$FILES/answer")
  PAGES=$((PAGES + 1))
done
[ "$PAGES" -gt 1 ] && echo true

# On condition of an identifier of your own, so that it may be sent again: 201, then 200.
send POST "$FHIR/Observation" -H 'Content-Type: application/fhir+json' \
  -H 'If-None-Exist: identifier=https://my-app.example.org/dpop%7Csh' -d '{
    "resourceType": "Observation",
    "identifier": [{"system": "https://my-app.example.org/dpop", "value": "sh"}],
    "status": "final",
    "code": {"text": "Heart rate"},
    "subject": {"reference": "Patient/4"}
  }'
echo "$STATUS"
