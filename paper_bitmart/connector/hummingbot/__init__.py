"""`connect bitmart_paper_trade` in Hummingbot, without a change to Hummingbot's files.

hook        an import hook that waits for Hummingbot's modules; all that other Python processes pay for
enabling    puts the hook into a Python environment, and takes it out again
versions    which Hummingbots can be hooked
patches     what the hook does to Hummingbot's modules when they are imported
settings, embedded, exchange    the connector and the paper exchange behind it
"""
