"""Capacity and costs, computed from the figures, prices and quotas."""
