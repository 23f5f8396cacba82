"""Whether a notifier works: a breaker for each, whose state is a row that every process sees."""
