#!/usr/bin/env bash
# A bulk export by curl and jq: kick-off, status, files, DELETE. Run: CLIENT_SECRET=… ./export.sh FOLDER
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:3000}
umask 077 # patients' data: for their owner alone
mkdir "$1" && cd "$1"

# One token: what takes longer than it lives asks for another.
TOKEN=$(curl -fsS "$BASE/token" -u "${CLIENT_ID:-explorer}:$CLIENT_SECRET" -d grant_type=client_credentials |
  jq -r .access_token)
# Again when the service asks to wait (429, 503), for as long as it says.
call() { curl -fsS --compressed --retry 5 -H "Authorization: Bearer $TOKEN" "$@"; }

# With `_since`, the last manifest's transactionTime, only what has changed. Patient/$export leaves out the directory.
call "$BASE/careconnect-ri/STU3/\$export" -H 'Prefer: respond-async' -o answer.json -D headers.txt
header() { tr -d '\r' < headers.txt | sed -n "s/^$1: //Ip" | tail -1; }
JOB=$(header content-location)
until [ "$(call "$JOB" -o manifest.json -D headers.txt -w '%{http_code}')" = 200 ]; do
  header x-progress >&2
  sleep "$(header retry-after)"
done

jq -r '(.output + .deleted + .error)[] | [.url, .count] | @tsv' manifest.json | while IFS=$'\t' read -r url count; do
  call "$url" -o "${url##*/}"
  [ "$(wc -l < "${url##*/}")" -eq "$count" ]
  echo "${url##*/} $count"
done
call -X DELETE "$JOB" -o answer.json
rm answer.json headers.txt
