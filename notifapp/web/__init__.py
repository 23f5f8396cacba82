"""HTTP code shared by all features: headers, logs, navigation, forms, paging, JSON bodies, errors, OpenAPI parts."""
