"""BitMart-compatible REST and websocket API on loopback."""
