"""Facts become pages, drawings and tables; plain dicts only."""
