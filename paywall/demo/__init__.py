"""The Harbour Courant: a small newspaper that stands in for a publisher's site.

It is a process of its own. It knows the paywall only by its public API, imports no app,
and no app imports it.
"""
