"""What is released: licences, advisories and the bill of materials."""
