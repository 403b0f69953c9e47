"""A year of a newspaper's sales, told twice: by our books, and by a ledger kept at the sandbox as it happened.

`year` lets it happen, with our side as in life; `ledger` reads the sandbox's own objects and events, and nothing of
ours.
"""
