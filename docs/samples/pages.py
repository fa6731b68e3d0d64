"""All pages of a search, by requests. Set FHIR and TOKEN."""

import os

import requests

headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}

url = f"{os.environ['FHIR']}/Observation?patient=4&_count=5&_total=accurate"
ids, pages = [], 0
while url:
    bundle = requests.get(url, headers=headers, timeout=30).json()
    ids += [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]
    pages += 1
    url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
print(pages > 1, len(ids) == len(set(ids)) == bundle["total"])
