"""What belongs to HTTP and no feature: headers, logs, navigation, forms, paging, JSON bodies, errors, OpenAPI parts."""
