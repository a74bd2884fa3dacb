"""What a reproduced table's file is called and which form it has: all that a reader needs, without torch."""

from __future__ import annotations

#: The paper's experiments whose results are TARGET.json with rows; fig4 is a page of its own.
TARGET_NAMES = ("table3", "table4", "table5", "table6", "fig3a", "fig3b", "fig3-dim", "fig3-layers")
#: Of TARGET.json.
FORMAT_VERSION = 1
