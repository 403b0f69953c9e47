"""Random lives of a reader at Stripe, with the news of them in disorder: lived through, judged, made shorter.

`moves` says what may happen, as text; `history` lets it happen; `judge` holds ours against the sandbox's own objects,
and shares no code with what it judges; `strawmen` are the strategies that must fail; `shrinking` finds the few moves
that a failure needs; `crowd` lives through many histories, in as many processes as there are cores.
"""
