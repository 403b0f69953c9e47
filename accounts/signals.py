"""News for the floors above: what accounts tells whoever cares, without knowing them."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with reader=User, now=datetime, inside the transaction that changed the stored address.
email_changed = Signal()

# Sent with reader=User, now=datetime, before anything is erased. A receiver that raises stops the closing.
reader_closing = Signal()

# Sent with reader=User, now=datetime, after the account was closed. Receivers do not raise.
reader_closed = Signal()

# Sent with reader=User when sessions of theirs were ended or the account was blocked, inside the transaction that did
# it: what was handed out to them before is not to be honoured any longer. (Of a sign-out tells Django's own signal.)
shut_out = Signal()
