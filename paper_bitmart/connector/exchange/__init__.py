"""The asyncio connector: Hummingbot's connector interface on a paper exchange in the same process."""
