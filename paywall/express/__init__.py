"""The express lane: the check and the peek answered in front of Django, without SQL, by what is kept of it.

It answers what most callers ask most of the time, and only where what is kept settles it. Everything else goes the
ordinary way, which is always right. It decides with the same code, so it is no second implementation, and one setting
switches it off.
"""
