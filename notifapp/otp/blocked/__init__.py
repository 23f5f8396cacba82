"""Recipients who are kept waiting or blocked after wrong codes: listed, and released."""
