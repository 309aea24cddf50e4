"""One case as tools for an assistant, by the Model Context Protocol. Needs the extra ``mcp``."""
