"""Says what the service is and which keys it signs with, and answers methods that nothing else takes."""
