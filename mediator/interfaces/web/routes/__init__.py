"""The pages, one module a task. Each turns a request into a call of the office and the answer into a page."""
