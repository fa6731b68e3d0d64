"""Measure bulk exports: growth, memory, cost and CPU, over computed tables."""
