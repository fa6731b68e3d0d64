"""Remove what a job leaves: its objects, and its rows unless its failure is still to be told."""

from itertools import islice
from typing import Final

from careconnect.export.job import Job, State, prefix_of
from careconnect.export.jobs import DynamoDbJobs
from export_worker.s3_bucket import MAX_DELETED, Bucket

REQUESTS: Final = 20
"""Requests of one step: each deletes a thousand objects."""


def remove_job(jobs: DynamoDbJobs, bucket: Bucket, job_id: str, now: int) -> bool:
    """Remove a job that is over by `now`, in epoch milliseconds; return True if there is more.

    Nothing of a job that still runs, or is complete and not expired, is removed.
    """
    job = jobs.get(job_id)
    if job and _is_needed(job, now):
        return False
    keys = bucket.keys(prefix_of(job_id))
    for _ in range(REQUESTS):
        if not (part := list(islice(keys, MAX_DELETED))):
            return not (job and _is_told(job, now)) and jobs.remove(job_id)
        bucket.delete(part)
    return True


def _is_told(job: Job, now: int) -> bool:
    """Return True if the status of a job says why it has failed: its rows go in time."""
    return job.state is not State.ENDED and job.cause_at(now) is not None


def _is_needed(job: Job, now: int) -> bool:
    if job.state is State.RUNNING:
        return job.cause_at(now) is None
    return job.state is State.COMPLETE and job.is_known(now)
