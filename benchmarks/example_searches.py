"""Ask for each example of the documents: no table is too large for one."""

from collections.abc import Iterator

from benchmarks.measured_reader import MeasuredReader, Request

from careconnect_admin.documents.search_examples import search_examples


def example_searches() -> Iterator[Request]:
    """Yield the examples of each type: of each parameter by itself, and all of one resource together."""
    for of_type in search_examples():
        for parameter, value in of_type.searches:
            yield Request(of_type.type.name, [(parameter.name, value)])
        yield Request(of_type.type.name, list(of_type.together.items()))


def refused_examples(reader: MeasuredReader) -> list[str]:
    """Return the examples that are not answered by a page: with a match, or with a link to go on by."""
    refused = []
    for request in example_searches():
        answer = reader.ask(request)
        if answer.status != 200:
            refused.append(f"{request}: {answer.status} {answer.body}")
        elif not answer.bundle.get("entry") and not answer.next_page():
            refused.append(f"{request}: finds nothing")
    return refused
