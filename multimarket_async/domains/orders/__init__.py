"""MultiMarket's three sales channels."""
