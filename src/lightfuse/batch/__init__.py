"""Batches: many brackets planned before anything runs, then fused concurrently, here or on a cluster; resumable."""
