"""The parts of the router's REST API. ``backends.llm_router.server`` puts them together."""
