"""The shapes of this app's API. No shape but `decisions.ReadSerializer` has a body to hand out."""
