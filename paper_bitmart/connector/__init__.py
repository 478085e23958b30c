"""bitmart_paper_trade: the interactive shell and connectors."""
