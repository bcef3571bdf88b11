"""HTTP, WebSocket, WHIP and WHEP: what the outside sees. `app.py` composes the node."""
