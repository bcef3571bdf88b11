"""Accounts, apps, editions, meters and money. Outsiders import `billing.interface` only."""
