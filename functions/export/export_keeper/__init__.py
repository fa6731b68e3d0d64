"""Starts bulk exports, tells how far they are, and ends them."""
