"""A backbone and a trained head for answers with structure: masks, boxes, spans, sentences; see :mod:`.fit`."""
