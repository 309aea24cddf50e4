"""Claims: the taxonomy, extraction, grounding, and facts that code reads (dates, amounts, parties)."""
