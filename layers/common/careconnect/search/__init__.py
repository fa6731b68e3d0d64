"""Search: values, criteria, result parameters and the links between pages."""
