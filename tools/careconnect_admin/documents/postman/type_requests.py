"""The requests for one type: all kinds of reads, and a search by each of its parameters."""

import json

from careconnect.fhir.resource_types import ResourceType
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.documents.postman.items import FHIR_JSON, FHIR_XML, Json, request
from careconnect_admin.documents.postman.scripts import has_matches, is_bundle, media_type, status, test
from careconnect_admin.documents.search_examples import PATIENT_ID, TypeExamples


def type_requests(examples: TypeExamples, nhs_number: str) -> list[Json]:
    """Return a type's requests; `nhs_number` is a patient's, in the form of a search value."""
    served = examples.type
    root = f"{FHIR_PATH}/{served.name}"
    one = f"{root}/{examples.resource_id}"
    requests = [
        request(f"Read {served.with_article}", one, [*status(200), *media_type(FHIR_JSON), *_is_resource(examples)]),
        request(
            f"Read {served.with_article} as XML",
            one,
            [
                *status(200),
                *media_type(FHIR_XML),
                *test(
                    f"is {served.with_article}", f"pm.expect(pm.response.text()).to.include('<{served.name} xmlns=');"
                ),
            ],
            accept=FHIR_XML,
        ),
        request(
            f"Read {served.with_article} if it has changed",
            one,
            status(304),
            headers=(("If-None-Match", "{{etag}}"),),
        ),
        request(
            f"Read version 1 of {served.with_article}", f"{one}/_history/1", [*status(200), *_is_resource(examples)]
        ),
        request(f"The versions of {served.with_article}", f"{one}/_history", [*status(200), *_is_history(examples)]),
        *(
            _search(
                served,
                parameter.name,
                value,
                is_personal=served.has_patients and parameter.personal,
                description=parameter.description,
            )
            for parameter, value in examples.searches
        ),
        request(
            "Search by a form",
            f"{root}/_search",
            _search_tests(served, "_id"),
            method="POST",
            form=(("_id", examples.resource_id),),
        ),
    ]
    requests += [
        request(
            f"Search in a {owner.lower()}'s record",
            f"{FHIR_PATH}/{owner}/{PATIENT_ID}/{served.name}",
            [*status(200), *media_type(FHIR_JSON), *is_bundle(), *has_matches(served.name)],
        )
        for owner in served.owners
    ]
    requests += [
        _search(served, parameter.chain, nhs_number, is_personal=True)
        for parameter in served.chained
        if served.patient_parameter and parameter.targets == served.patient_parameter.targets
    ]
    requests += [
        request(
            f"Search with {name}={value}",
            root,
            _search_tests(served, name),
            query=(("_id", examples.resource_id), (name, value)),
        )
        for name, value in (
            *(("_include", each) for each in served.includes),
            *(("_revinclude", each) for each in served.reverse_includes),
        )
    ]
    if served.is_patient:
        requests += _patient_requests(root)
    return requests


def _search(served: ResourceType, name: str, value: str, *, is_personal: bool, description: str = "") -> Json:
    """Return a search by one parameter: as a form if its value is personal, since URLs are logged."""
    root, pairs = f"{FHIR_PATH}/{served.name}", ((name, value),)
    title, tests = f"Search by {name}", _search_tests(served, name)
    if is_personal:
        return request(title, f"{root}/_search", tests, method="POST", form=pairs, description=description)
    return request(title, root, tests, query=pairs, description=description)


def _patient_requests(root: str) -> list[Json]:
    paging = test(
        "links to the next page",
        "const next = pm.response.json().link.find(link => link.relation === 'next');",
        "pm.expect(next).to.be.an('object');",
        "pm.collectionVariables.set('next', next.url);",
    )
    following = request("Patients, the next page", "/", [*status(200), *is_bundle(), *has_matches("Patient")])
    following["request"]["url"] = "{{next}}"
    return [
        request(
            "Patients, two to a page, by birth date",
            root,
            [*status(200), *is_bundle(), *paging],
            query=(("_count", "2"), ("_sort", "birthdate")),
        ),
        following,
        request(
            "A patient's whole record",
            f"{root}/{PATIENT_ID}/$everything",
            [
                *status(200),
                *is_bundle(),
                *test(
                    "begins with the patient",
                    "pm.expect(pm.response.json().entry[0].resource.resourceType).to.equal('Patient');",
                ),
            ],
        ),
    ]


def _is_resource(examples: TypeExamples) -> list[str]:
    return test(
        f"is {examples.type.name}/{examples.resource_id}",
        "const resource = pm.response.json();",
        f"pm.expect(resource.resourceType).to.equal({json.dumps(examples.type.name)});",
        f"pm.expect(resource.id).to.equal({json.dumps(examples.resource_id)});",
        "pm.expect(pm.response.headers.get('ETag')).to.equal(`W/\"${resource.meta.versionId}\"`);",
        "pm.collectionVariables.set('etag', pm.response.headers.get('ETag'));",
    )


def _is_history(examples: TypeExamples) -> list[str]:
    return test(
        "is a history that begins with what is current",
        "const bundle = pm.response.json();",
        "pm.expect(bundle.type).to.equal('history');",
        "pm.expect(bundle.total).to.equal(bundle.entry.length);",
        f"pm.expect(bundle.entry[0].resource.id).to.equal({json.dumps(examples.resource_id)});",
    )


def _search_tests(served: ResourceType, parameter: str) -> list[str]:
    """Return tests of matches, and of the parameter in the self link, which omits an ignored one."""
    return [
        *status(200),
        *media_type(FHIR_JSON),
        *is_bundle(),
        *has_matches(served.name),
        *test(
            f"understood {parameter}",
            "const self = pm.response.json().link.find(link => link.relation === 'self');",
            f"pm.expect(self.url).to.include({json.dumps(parameter + '=')});",
        ),
    ]
