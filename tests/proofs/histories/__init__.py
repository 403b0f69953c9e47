"""Random lives of a reader at Stripe, with the news of them in disorder: lived through, judged, made shorter.

`moves` says what may happen, as text; `history` lets it happen; `judge` asks the oracle whether ours equals
the sandbox's own objects; `strawmen` are the strategies that must fail; `shrinking` finds the few moves that a failure
needs; `crowd` lives through many histories, in as many processes as there are cores.
"""
