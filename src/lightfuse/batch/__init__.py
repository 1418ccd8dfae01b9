"""Many brackets: planned before anything runs, fused side by side, resumable, here or on a cluster."""

from lightfuse.batch.coordinator import Outcome
from lightfuse.batch.manifest import MANIFEST_NAME, Manifest, results_below
from lightfuse.batch.plan import BracketJob, NameSettings, Plan, plan_batch, plan_jobs
from lightfuse.batch.run import Running, run_batch
from lightfuse.batch.work import BatchSettings

__all__ = [
    "MANIFEST_NAME",
    "BatchSettings",
    "BracketJob",
    "Manifest",
    "NameSettings",
    "Outcome",
    "Plan",
    "Running",
    "plan_batch",
    "plan_jobs",
    "results_below",
    "run_batch",
]
