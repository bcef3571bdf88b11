"""Session descriptions: parsed, answered and offered."""
