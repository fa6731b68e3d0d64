"""Search: parse, plan, match, authorise, order, page."""
