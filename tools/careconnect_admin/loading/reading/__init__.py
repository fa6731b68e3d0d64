"""Read resources from files, and check them."""
