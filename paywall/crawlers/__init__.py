"""Is a client the crawler that it says it is? `claims` answers a request, `lists` and `names` find out beforehand.

A request never waits for the answer of somebody else: what is not known yet is read as anybody, and found out in the
background.
"""
