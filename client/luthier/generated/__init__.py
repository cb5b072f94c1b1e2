"""What tools/client_types.py writes from the platform's OpenAPI schema."""
