"""Where libcustomerd and what is built with it lie."""

import os

from support.customerctl import CUSTOMERCTL

LIBRARY = os.path.abspath(os.path.join(os.path.dirname(CUSTOMERCTL), "..", "..", "client"))
EXAMPLES = os.path.join(LIBRARY, "examples")
