"""Events, told to a project's own endpoints by the Standard Webhooks specification."""
