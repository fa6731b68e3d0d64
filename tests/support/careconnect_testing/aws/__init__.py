"""moto's AWS, and what calls of it cost."""
