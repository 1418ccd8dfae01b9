"""Batches: many brackets planned before anything runs, then fused concurrently, here or on a cluster; resumable."""

from lightfuse.batch.manifest import MANIFEST_NAME, Manifest, results_below
from lightfuse.batch.plan import BracketJob, NameSettings, Plan, plan_batch, plan_jobs
from lightfuse.batch.preview import write_preview
from lightfuse.batch.run import Outcome, RunSettings, run_batch
from lightfuse.batch.sets import candidate_sets
from lightfuse.batch.staging import lock_output, resume
from lightfuse.batch.work import BatchSettings

__all__ = [
    "MANIFEST_NAME",
    "BatchSettings",
    "BracketJob",
    "Manifest",
    "NameSettings",
    "Outcome",
    "Plan",
    "RunSettings",
    "candidate_sets",
    "lock_output",
    "plan_batch",
    "plan_jobs",
    "results_below",
    "resume",
    "run_batch",
    "write_preview",
]
