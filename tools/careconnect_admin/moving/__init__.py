"""Move resources that were filed under the wrong patient (ADR 49)."""
