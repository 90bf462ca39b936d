"""What is said of items that a network does not read as they are."""

CUT = (
    "{where}: {count} of {n} {kind} {are} cut: the network reads {limit} and nothing of what follows. Cut {them} into "
    "parts yourself, or set a larger limit where the model has one (max_length)."
)
EMPTY = "{where}: {count} of {n} texts {are} empty or white space alone: nothing is read of {them}."
UNKNOWN = (
    "{where}: {share:.0%} of the {what} of X are unknown to the network: it reads them all as one and the same. Take "
    "one that knows the language and the script of these texts, or learn from such texts."
)
WHOLLY_UNKNOWN = " Of {count} of {n} texts it knows nothing at all, and what it says of them is worth nothing."
UNKNOWN_TARGETS = (
    "{where}: {share:.0%} of the {what} of y are unknown to the network, which can write none of them. Take one that "
    "knows the language and the script of these texts, or write them with what it knows."
)
UNWRITABLE = (
    "{where}: {count} of {n} texts of y hold nothing that the network can write, the first is y[{first}], {text}: its "
    "tokenizer knows no part of them. Take a network for their language or script, or a SequenceModel, which learns to "
    "write from y alone; or leave them out."
)
# By which the first three are known again.
MARKS = (" cut: the network reads", " empty or white space alone", " unknown to the network: it reads")
KINDS = {"text": "texts", "audio": "recordings", "series": "series"}
ITEMS = "items"
LIMITS = {"text": "{most:,} tokens", "audio": "{most:,} frames"}
STEPS = "{most:,} steps"
BEGINNING = "their beginning"
SECONDS = "{most:g} s"
