"""The notifiers of a project: their pages and JSON endpoints, and the gateways behind them."""
