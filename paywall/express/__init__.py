"""The express lane: the check and the peek answered in front of Django: without SQL by what is kept, or else with it.

It answers what most callers ask most of the time, and only where a decision is all that is asked for. Everything else
goes the ordinary way, which is always right. It decides with the same code, so it is no second implementation, and one
setting switches it off.
"""
