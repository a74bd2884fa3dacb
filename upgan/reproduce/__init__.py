"""The paper's tables and figures on a dataset, the paper's own numbers beside them."""
