"""What is said of items that a network does not read as they are."""

CUT = (
    "{where}: {count} of {n} {kind} {are} cut: the network reads {limit} and nothing of what follows. Cut {them} into "
    "parts yourself, or set a larger limit where the model has one (max_length)."
)
EMPTY = "{where}: {count} of {n} texts {are} empty or white space alone: nothing is read of {them}."
MARKS = (" cut: the network reads", " empty or white space alone")  # by which these two are known again
KINDS = {"text": "texts", "audio": "recordings", "series": "series"}
ITEMS = "items"
LIMITS = {"text": "{most:,} tokens", "audio": "{most:,} frames"}
STEPS = "{most:,} steps"
BEGINNING = "their beginning"
SECONDS = "{most:g} s"
