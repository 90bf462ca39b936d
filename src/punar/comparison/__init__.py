"""The measured choice: one file per question."""
