"""Side by side with what a user would pick instead. Not collected by the tests: `make bench-router` and its kin."""
