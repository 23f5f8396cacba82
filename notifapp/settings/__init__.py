"""THE HEART: one blueprint serves the settings page and the JSON endpoint, and both call one service function."""
