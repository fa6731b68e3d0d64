"""Attacks over HTTP on any deployment: `python -m careconnect_testing.attacks ROOT`.

Each module is a class of attacks. An attack raises `Breach` if it succeeds.
"""
