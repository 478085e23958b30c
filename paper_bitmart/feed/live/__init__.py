"""Live markets: sessions that speak a venue's protocol without I/O, and the shells that connect them."""
