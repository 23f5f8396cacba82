"""The OpenAPI document and the reference page, both built from the features' own descriptions."""
