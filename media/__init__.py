"""Publications, subscriptions, packets and frames. Outsiders import `media.interface` only."""
