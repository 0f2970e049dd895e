"""``python -m driftbell``: the same as the ``driftbell`` script."""

from __future__ import annotations

import sys

from driftbell.cli import main

sys.exit(main())
