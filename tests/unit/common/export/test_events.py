"""The events that say whose data an export holds (`export.md`, Audit trail)."""

from dataclasses import replace

from careconnect.audit.event import Action, Outcome, is_event_id, time_of
from careconnect.export.events import export_event
from careconnect_testing.parts.export_jobs import JOB_ID, a_job

NOW = 1_795_676_953.0
AT = int(NOW * 1000) + 60_123


def test_an_event_says_who_has_exported_whose_data_by_which_job() -> None:
    job = a_job(NOW)

    event = export_event(job, "4", AT)

    assert (event.patient, event.job, event.at) == ("4", JOB_ID, AT)
    assert (event.interaction, event.action, event.outcome) == ("operation", Action.EXECUTE, Outcome.ALLOWED)
    assert event.service == "export_worker"
    kick_off = replace(job.kick_off, id=event.id, patient="4", job=JOB_ID, service="export_worker")
    assert event == kick_off


def test_a_repetition_makes_the_same_event_and_no_two_patients_share_one() -> None:
    job = a_job(NOW)
    events = [export_event(job, patient, AT) for patient in map(str, range(100))]

    assert events == [export_event(job, patient, AT) for patient in map(str, range(100))]
    assert len({each.id for each in events}) == 100
    assert all(is_event_id(each.id) and time_of(each.id) == AT for each in events)
    # Neither do two jobs, and the events spread over the shards of their day.
    assert export_event(replace(job, id="f" * 32), "4", AT).id != events[4].id
    assert len({each.id[13] for each in events}) > 8
