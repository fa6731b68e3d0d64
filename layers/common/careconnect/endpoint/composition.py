"""The composition of a function's request pipeline, from its environment and its endpoint."""

import time

from careconnect.endpoint.pipeline import Auditing, Endpoint, Proofs, RequestPipeline
from careconnect.http.messages import Cors
from careconnect.http.origin import Origin
from careconnect.runtime.call_limit import CALL_LIMIT
from careconnect.runtime.observability import PowertoolsObserver
from careconnect.runtime.settings import Settings


def pipeline_of(
    settings: Settings,
    endpoint: Endpoint,
    auditing: Auditing | None = None,
    service: str = "",
    *,
    proofs: Proofs | None = None,
) -> RequestPipeline:
    """Return the request pipeline around `endpoint`; with `auditing`, the audit trail records its requests.

    `service` is the name in its log and its metrics, by default the function's. `proofs` judge the requests with bound
    tokens. Raises `SettingError`.
    """
    return RequestPipeline(
        endpoint=endpoint,
        configured_base_url=settings.root_url("BASE_URL"),
        region=settings.required("AWS_REGION"),
        cors=Cors(settings.origins()),
        observer=PowertoolsObserver(
            service or settings.required("POWERTOOLS_SERVICE_NAME"),
            namespace=settings.required("POWERTOOLS_METRICS_NAMESPACE"),
        ),
        clock=time.time,
        origin=Origin(settings.optional("ORIGIN_SECRET")),
        auditing=auditing,
        proofs=proofs,
        limit_calls=CALL_LIMIT.of_request,
    )
