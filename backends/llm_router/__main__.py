"""``python -m backends.llm_router``."""

import sys

from backends.llm_router.cli import main

if __name__ == "__main__":
    sys.exit(main())
