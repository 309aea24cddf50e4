"""What each page shows, as plain values: made from the case, handed to a template. Nothing here knows of HTTP."""
