"""Bulk exports: the job that a kick-off starts, and its rows and objects (`export.md`; ADR 54)."""
