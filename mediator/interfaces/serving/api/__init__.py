"""The REST API at ``/api/v1``: one module a subject, ``shapes`` says what goes in and out."""
