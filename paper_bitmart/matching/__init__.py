"""The matching core: book, queue position, fills, latency - integers and arrays only."""
